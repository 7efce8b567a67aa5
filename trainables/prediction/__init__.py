"""Predictions of a trained network, and Grad-CAM pictures of them."""
