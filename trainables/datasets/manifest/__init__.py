"""The index of a dataset: key, class and set of each image, before any is decoded."""
