"""Backbones: those of keras.applications, and a module each for the ones that Keras lacks."""
