"""What a run writes to disk: its folder, events, ledger, history and tables."""
