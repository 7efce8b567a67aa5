"""Checking and describing a study before anything is trained: validate, describe, preflight."""
