"""Made-up photos, and what trains on a folder of them."""
