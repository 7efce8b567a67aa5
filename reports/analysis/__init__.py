"""What follows from the data: answer, comparisons, scores, curves, costs, errors, as numbers."""
