"""A run while a search drives it: the open ledger, its early end, the table in the terminal."""
