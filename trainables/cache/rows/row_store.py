"""Rows by content: what is stored is read wherever it lies, and only the rest is computed.

A family is what was done to the images, such as a network and a place in it. Its rows lie in any
number of entries, its segments, each with the digests of the images that it has. A set of images,
a fold, a refit or a folder that has grown therefore costs only the images that are new to the
family; they become one more segment.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spaces.errors import DataError
from trainables.cache.entry import (
    CONTENTS,
    DamagedEntryError,
    discard_damaged,
    open_entry,
)
from trainables.cache.eviction import Kind
from trainables.cache.folder import temporary_name, writing
from trainables.cache.lazy_rows import Rows
from trainables.cache.remote_copies import contents_there, names_there
from trainables.cache.rows.entry_store import EntryStore, Layout
from trainables.cache.rows.gathered import gathered
from trainables.cache.rows.segments import Found, find, segments_of
from trainables.process.messages import note

_ATTEMPTS = 5

_rows: Counter[tuple[Kind, str]] = Counter()

ComputeRows = Callable[[np.ndarray], Iterable[np.ndarray]]
"""Computes the rows at these positions of what was asked for, block by block."""


class RowStore:
    """The rows of one family, in the cache of this machine.

    Args:
        kind: Of the entries.
        family: Name of what was done to the images, of at most 64 letters and digits.
        row: Shape of a row.
        dtype: Type of the rows.
        cache: Folder of the cache; None: the one that this process uses.
    """

    def __init__(
        self,
        kind: Kind,
        family: str,
        row: tuple[int, ...],
        dtype: type[np.generic] = np.float32,
        cache: Path | None = None,
    ) -> None:
        self._kind, self._family, self._row, self._dtype = kind, family, row, dtype
        self._entries = EntryStore(cache, kind)

    def key_of(self, contents: np.ndarray) -> str:
        """Key of the segment that has exactly these rows."""
        digest = hashlib.blake2b(np.ascontiguousarray(contents).data, digest_size=16).hexdigest()
        return f"{self._family}-{digest}"

    def layout_of(self, contents: np.ndarray) -> Layout:
        """Layout of the segment that has exactly these rows."""
        return Layout((len(contents), *self._row), self._dtype, contents)

    def missing(self, contents: np.ndarray) -> np.ndarray:
        """Positions of the rows that are not stored, without copies: int64, ascending.

        Args:
            contents: Digests of images, S16 (rows,).
        """
        return _first_of_each(contents, np.flatnonzero(self._find(contents).part < 0))

    def fetch(self, contents: np.ndarray) -> None:
        """Copy the segments of other machines that have any missing rows of these images."""
        self._has_fetched(contents[self.missing(contents)])

    def keys_with(self, contents: np.ndarray) -> list[str]:
        """Keys of the segments that have these rows, as far as they are stored."""
        return [segment.name for segment in self._find(contents).segments]

    def get(
        self, contents: np.ndarray, compute: ComputeRows, about: Mapping[str, Any]
    ) -> Rows | None:
        """Rows for these images; computes those that the store does not hold.

        Processes that ask for the same at the same time compute it together. Damaged segments are
        computed again, with a note.

        Args:
            contents: Digests of the images, S16 (rows,); those of copies are equal.
            compute: Computes the rows of some of them.
            about: Description of a new segment.

        Returns:
            (rows, ...), mapped into memory; None if the store has no room.

        Raises:
            DataError: If the store cannot be written.
        """
        if not len(contents):
            return np.empty((0, *self._row), self._dtype)
        computed = 0

        def counted(positions: np.ndarray) -> Iterable[np.ndarray]:
            nonlocal computed
            computed += len(positions)
            return compute(positions)

        for attempt in range(_ATTEMPTS):
            found = self._find(contents)
            missing = _first_of_each(contents, np.flatnonzero(found.part < 0))
            wanted = contents[missing]
            parts = self._opened(found)
            if parts is None:
                continue  # what was found has changed meanwhile
            if not len(missing):
                self._count(len(contents), computed)
                return gathered(parts, found.part, found.row)
            if (attempt == 0 and self._has_fetched(wanted)) or self._has_waited(wanted):
                continue
            if not self._has_added(wanted, missing, counted, about):
                self._count(len(contents), len(missing))
                return None
        raise DataError(
            f"{self._entries.path(self._family)} is damaged or evicted each time it is written. "
            "Check the disk, and that no other process clears the cache."
        )

    def _count(self, asked: int, computed: int) -> None:
        _rows[self._kind, "hits"] += max(0, asked - computed)
        _rows[self._kind, "misses"] += computed

    def _has_fetched(self, wanted: np.ndarray) -> bool:
        """Copy segments of other machines that have any of these rows; False if there are none."""
        has_fetched = False
        for key in names_there(self._family) if self._kind == "features" and len(wanted) else ():
            theirs = None if key in self._entries else contents_there(key)
            if theirs is not None and np.isin(theirs, wanted).any():
                with self._entries.lock(key):
                    is_here = key in self._entries
                    has_fetched |= is_here or self._entries.fetch(key, self.layout_of(theirs))
        return has_fetched

    def _has_added(
        self,
        wanted: np.ndarray,
        positions: np.ndarray,
        compute: ComputeRows,
        about: Mapping[str, Any],
    ) -> bool:
        """Compute rows and store them as a new segment; False if the store has no room."""

        def some(first: int, last: int) -> Iterable[np.ndarray]:
            return compute(positions[first:last])

        layout = self.layout_of(wanted)
        return self._entries.get(self.key_of(wanted), layout, some, about) is not None

    def _find(self, contents: np.ndarray) -> Found:
        return find(segments_of(self._entries.path(self._family)), contents, self._discard)

    def _opened(self, found: Found) -> list[np.ndarray] | None:
        """The segments, leased; None if one was evicted or damaged."""
        parts = []
        for segment in found.segments:
            try:
                parts.append(open_entry(segment, is_checked=self._kind == "features"))
            except FileNotFoundError:
                return None
            except DamagedEntryError:
                self._discard(segment)
                return None
        return parts

    def _discard(self, segment: Path) -> None:
        problem = discard_damaged(segment)
        if problem is not None:
            note(f"{segment.name} in the cache was damaged ({problem}): computed again.")

    def _has_waited(self, wanted: np.ndarray) -> bool:
        """Wait for processes that compute some of these rows as part of another segment."""
        if not len(wanted):
            return False
        own, has_waited = self.key_of(wanted), False
        for temporary in self._entries.path(own).parent.glob(f".{self._family}-*"):
            key = temporary.name[1:].rsplit(".", 1)[0]
            try:
                theirs = np.load(temporary / CONTENTS)
            except (OSError, ValueError, EOFError):
                continue  # it has not begun, or is complete
            if key != own and np.isin(theirs, wanted).any():
                path = self._entries.path(key)
                with writing(path):
                    temporary_name(path)  # removes it, if its process was killed
                has_waited = True
        return has_waited


def _first_of_each(contents: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """The positions without those whose content an earlier one has: int64, ascending."""
    _, first = np.unique(contents[positions], return_index=True)
    return positions[np.sort(first)].astype(np.int64)


def take_counts() -> dict[str, int]:
    """Rows of features that this process was asked for since the last call.

    Returns:
        Of these, `misses` were computed here; `hits` were stored, are copies of others, or were
        computed by another process at the same time.
    """
    taken = {name: _rows["features", name] for name in ("hits", "misses")}
    _rows.clear()
    return taken
