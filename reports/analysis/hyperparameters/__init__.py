"""The metric by hyperparameter, as numbers: slices, grids, parallel coordinates."""
