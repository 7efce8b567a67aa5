"""One configuration as a Keras graph: backbone, head, preprocessing, and where it can be cut."""
