"""Studies before anything is trained: validate, describe, preflight."""
