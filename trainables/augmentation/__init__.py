"""Augmentation of training images, live in each epoch or as stored views."""
