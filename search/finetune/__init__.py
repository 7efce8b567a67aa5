"""Fine-tuning of the winner by Ray Train."""
