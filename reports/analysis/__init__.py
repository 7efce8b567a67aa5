"""What follows from the data: verdict, scores, curves, costs, errors, as numbers and tables."""
