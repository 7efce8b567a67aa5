"""Where a search can be watched while it runs: all of it is fed from the ledger's events."""
