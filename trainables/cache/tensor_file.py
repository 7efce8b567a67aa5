"""Arrow tensor files: arrays that are written row by row and read as memory maps.

All processes of a machine that map the same file share its pages.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from spaces.errors import DataError
from trainables.cache.leases import take_lease


def write_rows(
    path: Path,
    shape: tuple[int, ...],
    blocks: Iterable[np.ndarray],
    dtype: type[np.generic] = np.uint8,
) -> None:
    """Write an array block by block; only one block is in memory.

    Args:
        path: The file.
        shape: Shape of the whole array.
        blocks: (rows, *shape[1:]) each, in order, together `shape[0]` rows.
        dtype: Type of the blocks.
    """
    allocate_rows(path, shape, dtype)
    fill_rows(path, 0, blocks)


def allocate_rows(path: Path, shape: tuple[int, ...], dtype: type[np.generic] = np.float32) -> None:
    """Make a file without content; several processes may then fill in rows at the same time."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    with path.open("wb") as file:
        head = _head(shape, dtype)
        file.write(head)
        file.truncate(len(head) + size)


def fill_rows(path: Path, first: int, blocks: Iterable[np.ndarray]) -> None:
    """Write rows into an allocated file.

    Args:
        path: The file.
        first: Position of the first row.
        blocks: (rows, ...) each, in order, of the file's dtype.
    """
    start, row = _layout(path)
    with path.open("r+b") as file:
        file.seek(start + first * row)
        for block in blocks:
            file.write(np.ascontiguousarray(block).data)


def read_rows(path: Path) -> np.ndarray:
    """Map the array in a tensor file into memory, read-only, and lease the file.

    Raises:
        DataError: If the file is damaged.
        FileNotFoundError: If it was evicted at this moment.
    """
    import pyarrow as pa

    take_lease(path)
    try:
        with pa.memory_map(str(path)) as file:
            array: np.ndarray = pa.ipc.read_tensor(file).to_numpy()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} in the cache is damaged ({error}): delete it.") from error
    return array


def _layout(path: Path) -> tuple[int, int]:
    """Position of the first row, and bytes of a row."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        body = pa.ipc.read_tensor(file).to_numpy()
        file.seek(0)
        start = int(body.ctypes.data - file.read_buffer(1).address)
    return start, body.nbytes // max(1, len(body))


class _Head(io.RawIOBase):
    """Takes the first part of what Arrow writes, its description of a tensor."""

    def __init__(self) -> None:
        self.content = b""

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if len(self.content) >= 8 + int.from_bytes(self.content[4:8], "little"):
            raise EOFError
        self.content += bytes(data)
        return len(data)


def _head(shape: tuple[int, ...], dtype: type[np.generic]) -> bytes:
    """What precedes the rows in a file. Arrow only writes whole tensors, so it is interrupted."""
    import pyarrow as pa

    head = _Head()
    with suppress(EOFError):
        # Of a single number that stands for all, so that it takes no memory.
        tensor = pa.Tensor.from_numpy(np.broadcast_to(np.zeros((), dtype), shape))
        pa.ipc.write_tensor(tensor, pa.PythonFile(head, "w"))
    return head.content
