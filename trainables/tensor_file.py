"""Arrays in Arrow tensor files, written row by row and read as memory maps.

Every process on a machine that maps the same file shares its pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

import numpy as np

from spaces.errors import DataError


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
    import pyarrow as pa

    # Arrow writes a tensor in one go only. So it writes zeros, which take no memory: an array of
    # zeros that nobody writes to is one page of the system's, seen many times.
    with pa.OSFile(str(path), "wb") as file:
        pa.ipc.write_tensor(pa.Tensor.from_numpy(np.zeros(shape, dtype)), file)
    start = _start_of_body(path)
    with path.open("r+b") as file:
        file.seek(start)
        _write(file, blocks)
        file.flush()


def read_rows(path: Path) -> np.ndarray:
    """The array in a tensor file, mapped and not copied: read-only.

    Raises:
        DataError: If the file is damaged.
    """
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as file:
            array: np.ndarray = pa.ipc.read_tensor(file).to_numpy()
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} in the cache is damaged ({error}): delete it.") from error
    return array


def _start_of_body(path: Path) -> int:
    import pyarrow as pa

    with pa.memory_map(str(path)) as file:
        body = pa.ipc.read_tensor(file).to_numpy()
        file.seek(0)
        return int(body.ctypes.data - file.read_buffer(1).address)


def _write(file: BinaryIO, blocks: Iterable[np.ndarray]) -> None:
    for block in blocks:
        file.write(np.ascontiguousarray(block).data)
