"""Decoded images as arrays, set by set; the test set through a door of its own."""
