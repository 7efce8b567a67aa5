"""How the metric depends on each hyperparameter, as numbers."""
