"""The comparisons of a run: winner against recipes and rivals, in numbers and in a sentence."""
