"""Runs at URLs: object storage, the working copy on this machine, upload of the ledger."""
