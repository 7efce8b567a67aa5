"""Optimizers of training: updates of weights, and averages of them."""
