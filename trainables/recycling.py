"""When a worker is to be replaced: TensorFlow and allocators give back less than they take."""

from __future__ import annotations

import os
from pathlib import Path

from trainables.sizes import given_size, share_of_memory

VARIABLE = "THAWTUNE_WORKER_LIMIT"
"""Environment variable with the memory that a worker may have between two trials, such as 8GB."""


def is_swollen() -> bool:
    """Whether this process occupies more than its limit.

    That is `$THAWTUNE_WORKER_LIMIT`, or one and a half times what it may keep from trial to trial.

    Raises:
        InputError: If the variable is not a size.
    """
    limit = given_size(VARIABLE)
    return _occupied() > (share_of_memory() * 3 // 2 if limit is None else limit)


def _occupied() -> int:
    """Bytes of this process that are its own."""
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
