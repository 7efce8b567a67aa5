"""Preflight: what is wrong with a dataset, found before anything is trained."""
