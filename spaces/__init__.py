"""What can be searched: parameters, hyperparameters, recipes and study files."""
