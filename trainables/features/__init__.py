"""Features: activations of frozen layers, computed once and read by every trial."""
