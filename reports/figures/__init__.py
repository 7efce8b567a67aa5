"""Drawing: each module takes numbers that were made elsewhere, and returns a figure."""
