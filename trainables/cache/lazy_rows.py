"""What stands for an array whose rows are not in memory, and are made when they are read."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any

import numpy as np


class LazyRows(ABC):
    """As much of an array as reading some of its rows takes."""

    @property
    @abstractmethod
    def shape(self) -> tuple[int, ...]:
        """(rows, ...)."""

    @property
    @abstractmethod
    def dtype(self) -> np.dtype[Any]:
        """Type of the rows."""

    @abstractmethod
    def __getitem__(self, rows: Any, /) -> np.ndarray:
        """Some rows in memory, by a slice, a mask, positions or one position."""

    @property
    def nbytes(self) -> int:
        """Bytes that all rows would take in memory."""
        return math.prod(self.shape) * self.dtype.itemsize

    def __len__(self) -> int:
        """Number of rows."""
        return self.shape[0]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        """All rows in memory."""
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)


Rows = np.ndarray | LazyRows
"""Rows in memory, mapped from the disk, or made when they are read."""
