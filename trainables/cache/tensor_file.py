"""Arrays in Arrow tensor files, written row by row and read as memory maps.

Every process on a machine that maps the same file shares its pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from spaces.errors import DataError
from trainables.cache.leases import take_lease


def write_rows(
    path: Path,
    shape: tuple[int, ...],
    blocks: Iterable[np.ndarray],
    dtype: type[np.generic] = np.uint8,
) -> None:
    """Write an array whose rows come block by block; no more than a block is in memory.

    Args:
        shape: Of the whole array.
        blocks: (rows, *shape[1:]) each, in order, together `shape[0]` rows.
        dtype: Of the blocks.
    """
    allocate_rows(path, shape, dtype)
    fill_rows(path, 0, blocks)


def allocate_rows(path: Path, shape: tuple[int, ...], dtype: type[np.generic] = np.float32) -> None:
    """Make a file of zeros, in which processes may then fill in rows at the same time."""
    import pyarrow as pa

    # Arrow writes a tensor in one go only. So it writes zeros, which take no memory: an array of
    # zeros that nobody writes to is one page of the system's, seen many times.
    with pa.OSFile(str(path), "wb") as file:
        pa.ipc.write_tensor(pa.Tensor.from_numpy(np.zeros(shape, dtype)), file)


def fill_rows(path: Path, first: int, blocks: Iterable[np.ndarray]) -> None:
    """Write rows into an allocated file.

    Args:
        first: Position of the first of these rows.
        blocks: (rows, ...) each, in order, of the file's dtype.
    """
    start, row = _layout(path)
    with path.open("r+b") as file:
        file.seek(start + first * row)
        for block in blocks:
            file.write(np.ascontiguousarray(block).data)


def read_rows(path: Path) -> np.ndarray:
    """The array in a tensor file, mapped and not copied: read-only, and leased by this process.

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
    """Where the rows begin, and how long one is, in bytes."""
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        body = pa.ipc.read_tensor(file).to_numpy()
        file.seek(0)
        start = int(body.ctypes.data - file.read_buffer(1).address)
    return start, body.nbytes // max(1, len(body))
