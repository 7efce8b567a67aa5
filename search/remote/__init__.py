"""Runs at URLs: the claim on them, segments of the ledger, the working copy on this machine."""
