"""What stands for an array whose rows are not in memory, and are made when they are read."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np


class LazyRows(Protocol):
    """As much of an array as reading some of its rows takes."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(rows, ...)."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the rows."""

    @property
    def nbytes(self) -> int:
        """Bytes that all rows would take in memory."""

    def __len__(self) -> int:
        """Number of rows."""

    def __getitem__(self, rows: Any, /) -> np.ndarray:
        """Some rows in memory, by a slice, a mask, positions or one position."""

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows in memory."""


Rows = np.ndarray | LazyRows
"""Rows in memory, mapped from the disk, or made when they are read."""
