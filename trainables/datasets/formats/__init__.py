"""Dataset formats: a module each, which reads the labelled images that lie there."""
