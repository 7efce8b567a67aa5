"""A module for each format that a model is exported to: `write`, `outputs` and `class_names`."""
