"""What can be searched: parameters, hyperparameters, search spaces; studies and their files."""
