"""Arrow tensor files: arrays that are written row by row and read as memory maps.

All processes of a machine that map the same file share its pages.
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
    """Make a file of zeros; several processes may then fill in rows at the same time."""
    import pyarrow as pa

    # Arrow can only write a whole tensor. So it writes zeros, which take no memory: the system maps
    # an array of zeros that nobody has written to onto one page.
    with pa.OSFile(str(path), "wb") as file:
        pa.ipc.write_tensor(pa.Tensor.from_numpy(np.zeros(shape, dtype)), file)


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
