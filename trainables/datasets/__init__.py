"""Datasets: from files on disk to arrays of pixels with labels."""
