"""Training, validation and test set: stratified and disjoint."""
