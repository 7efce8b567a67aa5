"""Tables of labels: their files, their columns, and the images that they name."""
