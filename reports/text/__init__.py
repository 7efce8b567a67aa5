"""How numbers, times and tables are written for a reader."""
