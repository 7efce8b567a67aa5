"""Rows of arrays by the content of the image that each belongs to, in entries of the cache."""
