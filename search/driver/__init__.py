"""The search itself: preparing the run, and Ray Tune between ledger and trials."""
