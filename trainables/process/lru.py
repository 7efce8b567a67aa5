"""What is kept for the next time, the longest unused thrown away first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Bounded(Generic[V]):
    """Values by key, within limits of number and size; the last one stays whatever its size.

    Args:
        number: Values at the most.
        size: Sum of the values' sizes at the most, in bytes.
        dropped: Called with each value that is thrown away.
    """

    def __init__(
        self, number: int, size: int, dropped: Callable[[V], None] = lambda _: None
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
        """Keep a value of `size` bytes in place of the one that the key had."""
        if key in self._entries:
            self._dropped(self._entries.pop(key)[0])
        self._entries[key] = value, size
        while len(self) > 1 and (len(self) > self._number or self._total() > self._size):
            self._dropped(self._entries.popitem(last=False)[1][0])

    def clear(self) -> None:
        """Throw everything away."""
        while self._entries:
            self._dropped(self._entries.popitem(last=False)[1][0])

    def _total(self) -> int:
        return sum(size for _, size in self._entries.values())
