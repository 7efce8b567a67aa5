"""The feature store: activations of frozen layers, computed once and read by all trials."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import BaseFileLock

from spaces.errors import DataError
from trainables.cache.entry import (
    ARRAY,
    DamagedEntryError,
    allocate,
    discard_damaged,
    is_whole,
    open_entry,
    seal,
)
from trainables.cache.eviction import make_room
from trainables.cache.folder import (
    cache_folder,
    explained,
    publish,
    remove,
    temporary_name,
    writing,
)
from trainables.cache.leases import take_lease
from trainables.cache.remote_copies import fetch, give
from trainables.features.joint_computation import Compute, fill_together, help_with
from trainables.process.messages import note

_ATTEMPTS = 3

_requests: Counter[str] = Counter()


class FeatureStore:
    """Entries by key, in the cache of this machine.

    `get` does everything at once. What computes many entries in one pass takes `lock`, `fetch`,
    `begin` and `seal`. Entries that another machine has computed are copied from the shared
    storage, if there is one (see `remote_copies`).

    Args:
        cache: Folder of the cache; None: the one that this process uses.
    """

    def __init__(self, cache: Path | None = None) -> None:
        self._folder = (cache or cache_folder()) / "features"

    def path(self, key: str) -> Path:
        """Folder of an entry, whether it exists or not."""
        return self._folder / key

    def __contains__(self, key: str) -> bool:
        """Whether an entry is stored here, as far as that shows without reading its rows."""
        return is_whole(self.path(key))

    def get(
        self, key: str, shape: tuple[int, ...], compute: Compute, about: Mapping[str, Any]
    ) -> np.ndarray | None:
        """An entry's rows; computes them if the store does not hold them.

        Processes that ask at the same time compute them together. Damaged entries are computed
        again, with a note.

        Args:
            key: Of the entry.
            shape: (rows, ...).
            compute: Computes some of the rows.
            about: Description of the entry.

        Returns:
            float32, mapped into memory; None if the store has no room.

        Raises:
            DataError: If the store cannot be written.
        """
        path, is_damaged = self.path(key), False
        title = f"Entry {key} (features at {about.get('boundary')})"
        _requests["hits" if path.exists() else "misses"] += 1
        for _ in range(_ATTEMPTS):
            help_with(path, shape[0], compute)
            if not self._has_made(key, shape, compute, about, may_fetch=not is_damaged):
                note(f"The feature store has no room for {title}: not stored.")
                return None
            try:
                return open_entry(path)
            except FileNotFoundError:
                continue  # evicted at this moment
            except DamagedEntryError:
                problem, is_damaged = discard_damaged(path), True
            if problem is not None:
                note(f"{title} was damaged ({problem}): computed again.")
        raise DataError(f"{path} is damaged each time it is written. Check the disk.")

    def lock(self, key: str) -> BaseFileLock:
        """The lock to hold while an entry is fetched, begun, filled and sealed."""
        self._folder.mkdir(parents=True, exist_ok=True)
        return writing(self.path(key))

    def fetch(self, key: str, shape: tuple[int, ...]) -> bool:
        """Copy an entry from the shared storage; takes the entry's lock for granted.

        Returns:
            Whether it was there, and there was room for it here.
        """
        path = self.path(key)
        temporary = temporary_name(path)
        try:
            if not make_room(_bytes(shape)) or not fetch(key, temporary):
                return False
            remove(path)
            publish(temporary, path)
        finally:
            remove(temporary)
        return True

    def begin(self, key: str, shape: tuple[int, ...]) -> Path | None:
        """Begin an entry under a temporary name; takes the entry's lock for granted.

        Returns:
            Folder for `cache.entry.fill`, then `seal`; None if the store has no room.
        """
        path = self.path(key)
        remove(path)  # the rest of an entry that has lost a file
        if not make_room(_bytes(shape)):
            return None
        temporary = temporary_name(path)
        try:
            allocate(temporary, shape)
        except BaseException:
            remove(temporary)
            raise
        return temporary

    def seal(self, temporary: Path, key: str, about: Mapping[str, Any]) -> int:
        """Publish an entry that was begun and filled, on this machine and in the shared storage.

        Returns:
            Bytes of its rows.
        """
        path = self.path(key)
        seal(temporary, path, about)
        give(path)
        return (path / ARRAY).stat().st_size

    def hold(self, key: str) -> None:
        """Keep an entry, if it is stored here, from being evicted while this process lives."""
        with suppress(FileNotFoundError):
            take_lease(self.path(key) / ARRAY)

    def _has_made(
        self,
        key: str,
        shape: tuple[int, ...],
        compute: Compute,
        about: Mapping[str, Any],
        may_fetch: bool,
    ) -> bool:
        """Fetch or compute an entry unless it exists; False if there is no room for it."""
        path = self.path(key)
        if path.exists():
            return True
        with explained(path), self.lock(key):
            if path.exists() or (may_fetch and self.fetch(key, shape)):
                return True
            temporary = self.begin(key, shape)
            if temporary is None:
                return False
            try:
                fill_together(temporary, shape[0], compute)
                self.seal(temporary, key, about)
            finally:
                remove(temporary)
        return True


def take_counts() -> dict[str, int]:
    """What `get` found in this process since the last call: `hits` and `misses`."""
    taken = {name: _requests[name] for name in ("hits", "misses")}
    _requests.clear()
    return taken


def _bytes(shape: tuple[int, ...]) -> int:
    return 4 * math.prod(shape)
