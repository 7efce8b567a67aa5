"""What is read of a run: its files as typed records."""
