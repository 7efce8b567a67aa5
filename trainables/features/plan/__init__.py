"""The feature plan: which activations a study's trials need, and which are worth storing."""
