"""What the three sets are called by those who publish them."""

from __future__ import annotations

SUBSETS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Our name for each of theirs, in lower case; ours in their order."""
