"""Memory: the machine's or the container's, and how much of it a worker may keep."""

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


_parts = 1


def split_evaluation(parts: int) -> None:
    """Evaluate in this many times smaller batches in this process, for less memory."""
    global _parts
    _parts = parts


def evaluation_parts() -> int:
    """How many times smaller the batches of an evaluation are in this process."""
    return _parts


def machine_memory() -> int:
    """Bytes of memory of this machine, or of the container that this process runs in."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([physical, *_limits_of_cgroups(Path("/proc/self/cgroup"), Path("/sys/fs/cgroup"))])


def share_of_memory() -> int:
    """Bytes that a worker may keep: half of the machine's memory, divided by its cores."""
    return machine_memory() // 2 // (os.cpu_count() or 1)


DATA_VARIABLE = "THAWTUNE_DATA_MEMORY"
"""Environment variable with the memory for a worker's images and features, such as 500MB."""


def data_memory(device: int | None) -> int:
    """Bytes of images and features that a worker may hold; it streams what is larger.

    It is `$THAWTUNE_DATA_MEMORY`, or a quarter of the worker's share of the memory that the graph
    reads them from.

    Args:
        device: Bytes of its GPU that it may use; None: it has none.

    Raises:
        InputError: If the variable is not a size.
    """
    given = given_size(DATA_VARIABLE)
    return (share_of_memory() if device is None else device) // 4 if given is None else given


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
    _, resident, shared, *_ = map(int, Path("/proc/self/statm").read_text("utf-8").split())
    return (resident - shared) * os.sysconf("SC_PAGE_SIZE")


def _limits_of_cgroups(mine: Path, root: Path) -> list[int]:
    """Memory limits of the cgroups, of version 1 or 2, that a process is in.

    Args:
        mine: Lists them, as /proc/self/cgroup does.
        root: Where they are mounted.
    """
    found: list[int] = []
    for line in _text(mine).splitlines():
        _, controllers, place = line.split(":", 2)
        if controllers in ("", "memory"):
            name = "memory.limit_in_bytes" if controllers else "memory.max"
            base = root / controllers
            folder = base / place.lstrip("/")
            # A limit of a group above holds too; inside a container, only the mount's root shows.
            for group in (folder, *folder.parents):
                limit = _text(group / name).strip() if group.is_relative_to(base) else ""
                found += [int(limit)] if limit.isdigit() else []
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""
