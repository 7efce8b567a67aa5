"""Memory: sizes in environment variables, and how much a worker may keep."""

from __future__ import annotations

import os
import re
from pathlib import Path

from spaces.errors import InputError

_UNITS = ["", "K", "M", "G", "T"]


def given_size(variable: str) -> int | None:
    """Bytes in an environment variable, such as 20GB or 20Gi; None if it is not set.

    Raises:
        InputError: If it is not a size.
    """
    text = os.environ.get(variable, "").strip()
    if not text:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(i)?B?", text, re.IGNORECASE)
    if match is None:
        raise InputError(f"{variable} is {text!r}. Give a size such as 20GB or 500MB.")
    step = 1024 if match[3] else 1000
    return int(float(match[1]) * step ** _UNITS.index(match[2].upper()))


EVALUATION_BATCH = 256
"""Inputs that are evaluated at once, unless memory has run out."""

_parts = 1


def split_evaluation(parts: int) -> None:
    """Evaluate in this many times smaller batches in this process."""
    global _parts
    _parts = parts


def evaluation_batch() -> int:
    """Inputs that this process evaluates at once."""
    return max(1, EVALUATION_BATCH // _parts)


def machine_memory() -> int:
    """Bytes of memory of this machine."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def share_of_memory() -> int:
    """Bytes that a worker may keep: half of the machine's memory, divided by its cores."""
    return machine_memory() // 2 // (os.cpu_count() or 1)


WORKER_LIMIT_VARIABLE = "THAWTUNE_WORKER_LIMIT"
"""Environment variable with the memory that a worker may hold between trials, such as 8GB."""


def is_swollen() -> bool:
    """Whether this process occupies more memory than its limit.

    The limit is `$THAWTUNE_WORKER_LIMIT`, or one and a half times `share_of_memory`.

    Raises:
        InputError: If the variable is not a size.
    """
    limit = given_size(WORKER_LIMIT_VARIABLE)
    return _occupied() > (share_of_memory() * 3 // 2 if limit is None else limit)


def _occupied() -> int:
    """Bytes of memory of this process that it shares with no other."""
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text().split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")
