"""Features: what frozen layers compute, stored once and read by every trial."""
