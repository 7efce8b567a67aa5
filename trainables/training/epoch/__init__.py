"""What an epoch is made of: its order, its chunks and batches, and the loop over them."""
