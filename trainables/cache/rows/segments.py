"""Segments of a family: where the row of each image lies among them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trainables.cache.entry import CONTENTS, DamagedEntryError, read_contents


class Found(NamedTuple):
    """Where rows lie.

    Attributes:
        segments: Those that have any.
        part: Number of the segment that has each row, -1 if none has: int32 (rows,).
        row: The row in it: int64 (rows,).
    """

    segments: list[Path]
    part: np.ndarray
    row: np.ndarray


def segments_of(family: Path) -> list[Path]:
    """The segments of a family, the largest first, so that few are used.

    Args:
        family: Their common path, without what tells them apart.
    """
    sizes = {}
    for path in family.parent.glob(f"{family.name}-*"):
        with suppress(OSError):
            sizes[path] = (path / CONTENTS).stat().st_size
    return sorted(sizes, key=lambda path: (-sizes[path], path.name))


def find(segments: Sequence[Path], contents: np.ndarray, discard: Callable[[Path], None]) -> Found:
    """Find rows by the digests of their images.

    Args:
        segments: Where to look, in this order.
        contents: The digests, S16 (rows,).
        discard: Called with a segment that is damaged.
    """
    part, row = np.full(len(contents), -1, np.int32), np.zeros(len(contents), np.int64)
    used: list[Path] = []
    for segment in segments:
        left = np.flatnonzero(part < 0)
        if not len(left):
            break
        try:
            status = (segment / CONTENTS).stat()
            known = _contents_of(segment, (status.st_ino, status.st_mtime_ns))
        except FileNotFoundError:
            continue  # evicted at this moment
        except DamagedEntryError:
            discard(segment)
            continue
        at = np.searchsorted(known.ascending, contents[left])
        at = np.minimum(at, len(known.ascending) - 1)
        here = known.ascending[at] == contents[left]
        if here.any():
            part[left[here]] = len(used)
            row[left[here]] = known.rows[at[here]]
            used.append(segment)
    return Found(used, part, row)


class _Contents(NamedTuple):
    """Digests in ascending order, and the row of each."""

    ascending: np.ndarray
    rows: np.ndarray


@lru_cache(maxsize=64)
def _contents_of(segment: Path, _identity: tuple[int, int]) -> _Contents:
    """The digests of a segment; read again where the file is another."""
    contents = read_contents(segment)
    rows = np.argsort(contents, kind="stable")
    return _Contents(contents[rows], rows)
