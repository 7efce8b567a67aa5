"""Labelled images, from files on disk to arrays of pixels."""
