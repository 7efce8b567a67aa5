"""Code for Ray's worker processes: trials, and computing planned features."""
