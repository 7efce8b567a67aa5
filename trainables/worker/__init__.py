"""What runs in Ray's worker processes: a trial, or a share of the planned features."""
