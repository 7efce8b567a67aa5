"""Dataset formats: a module for each, which indexes the labelled images."""
