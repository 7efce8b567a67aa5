"""Networks that are thawed, one module each, as flat Keras graphs."""
