"""A process that reads an entry of the feature store, for tests of what may be evicted."""

from __future__ import annotations

READER = """
import sys, time
from pathlib import Path
from trainables.cache.entry import open_entry
open_entry(Path(sys.argv[1]))
print("reading", flush=True)
time.sleep(60)
"""
"""Code for an interpreter of its own: the entry is its argument, and `reading` is what it says."""
