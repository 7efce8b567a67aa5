"""What a search writes to disk: the run's folder, its ledger, and the tables made from it."""
