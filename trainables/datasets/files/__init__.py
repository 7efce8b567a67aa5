"""Files of a dataset: where they are, archives, image headers, decoding."""
