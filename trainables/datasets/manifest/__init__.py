"""The labelled images of a dataset, known by key and class before any is decoded."""
