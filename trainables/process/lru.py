"""A cache that evicts the least recently used values, within limits of number and size."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class LruCache(Generic[V]):
    """Values by key; the last one used stays whatever its size.

    Args:
        number: The most values; None: any number.
        size: The most bytes of all values together.
        dropped: Called with each value that is evicted or replaced.
    """

    def __init__(
        self, number: int | None, size: int, dropped: Callable[[V], None] = lambda _: None
    ) -> None:
        self._number, self._size, self._dropped = number, size, dropped
        self._entries: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, key: Hashable) -> V | None:
        """The value of a key, which counts as used now, or None."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key][0]

    def put(self, key: Hashable, value: V, size: int) -> None:
        """Add or replace the value of a key, and evict others if need be.

        Args:
            size: Bytes of the value.
        """
        if key in self._entries:
            self._dropped(self._entries.pop(key)[0])
        self._entries[key] = value, size
        while len(self) > 1 and self._is_full():
            self._evict()

    def limit(self, size: int) -> None:
        """Change the most bytes of all values together; evicts nothing until the next `put`."""
        self._size = size

    def clear(self) -> None:
        """Evict all values."""
        while self._entries:
            self._evict()

    def _evict(self) -> None:
        self._dropped(self._entries.popitem(last=False)[1][0])

    def _is_full(self) -> bool:
        total = sum(size for _, size in self._entries.values())
        return total > self._size or (self._number is not None and len(self) > self._number)
