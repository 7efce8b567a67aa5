"""The search itself: preparing the run, running Ray Tune, and adapting it to the ledger."""
