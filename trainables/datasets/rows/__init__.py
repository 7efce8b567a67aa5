"""Decoded images as arrays, set by set; the test set only for `evaluate`."""
