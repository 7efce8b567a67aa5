"""Arrays whose rows lie in several others, such as memory maps, and are gathered when read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainables.cache.lazy_rows import LazyRows, Rows


@dataclass(frozen=True, eq=False)
class Gathered(LazyRows):
    """An array of rows from other arrays; reading some of them copies only those.

    Attributes:
        parts: Arrays whose rows have one shape and type; at least one.
        part: Which of them has each row: int32 (rows,).
        row: Where in it: int64 (rows,).
    """

    parts: tuple[Rows, ...]
    part: np.ndarray
    row: np.ndarray

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return (len(self.row), *self.parts[0].shape[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        """As of an array."""
        return self.parts[0].dtype

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Some rows in memory, by a slice, a mask, positions or one position."""
        part, row = self.part[rows], self.row[rows]
        if part.ndim == 0:
            one: np.ndarray = self.parts[part][row]
            return one
        numbers = np.unique(part).tolist()
        if len(numbers) == 1:
            return self.parts[numbers[0]][row]
        found = np.empty((len(row), *self.shape[1:]), self.dtype)
        for number in numbers:
            mine = np.flatnonzero(part == number)
            found[mine] = self.parts[number][row[mine]]
        return found


def gathered(parts: Sequence[Rows], part: np.ndarray, row: np.ndarray) -> Rows:
    """Rows of several arrays as one; a view of the array where they follow each other in it.

    Args:
        parts: Arrays whose rows have one shape and type; at least one.
        part: Which of them has each row: int32 (rows,).
        row: Where in it: int64 (rows,).
    """
    if len(row) and (part == part[0]).all():
        only, first = parts[part[0]], int(row[0])
        if isinstance(only, np.ndarray) and np.array_equal(row, np.arange(first, first + len(row))):
            return only[first : first + len(row)]
    return Gathered(tuple(parts), part, row)


def chosen(rows: Rows, positions: np.ndarray) -> Rows:
    """Some rows, which are read only when they are used."""
    if isinstance(rows, Gathered):
        return gathered(rows.parts, rows.part[positions], rows.row[positions])
    return gathered([rows], np.zeros(len(positions), np.int32), positions.astype(np.int64))
