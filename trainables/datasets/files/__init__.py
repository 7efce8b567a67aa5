"""Files of a dataset: finding them, archives, image headers, decoding."""
