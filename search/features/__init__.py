"""The driver's part in features: the plan, computing them on all nodes, the cache command."""
