"""The search itself: preparing the run, running Ray Tune, and the adapter to the ledger."""
