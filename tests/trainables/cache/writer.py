"""A process that asks the feature store for an entry of 500 rows, in four shares."""

from __future__ import annotations

import subprocess
import sys

WRITER = """
import sys, time
import numpy as np
from trainables.cache.rows.entry_store import EntryStore, Layout

def rows(first, last):
    print(f"computing {first}", flush=True)
    time.sleep(float(sys.argv[2]))
    yield np.full((last - first, 20), first, np.float32)

found = EntryStore().get(sys.argv[1], Layout((500, 20)), rows, {"boundary": "pooling"})
print(int(found[:, 0].sum()), flush=True)
"""
"""Code for an interpreter of its own: the key and the seconds a share takes are its arguments."""

SHARES = {"computing 0", "computing 128", "computing 256", "computing 384"}
SUM = str(128 * 128 + 128 * 256 + 116 * 384)
"""What it says when it computes a share, and at the end."""


def start(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
