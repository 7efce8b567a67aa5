"""What decoding every image of a dataset once shows: damage, sizes, and digests of content.

Attributes are arrays and tuples with an entry for each image, in the order of the index.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from spaces.errors import DataError


@dataclass(frozen=True)
class Inspection:
    """One entry an image.

    Attributes:
        widths, heights: int32, in pixels, upright; 0 where the image cannot be decoded.
        formats: Formats of encoded images, such as "JPEG"; "" for plain pixels and where unknown.
        modes: Pillow's name for the kind of pixels; "" as for `formats`.
        contents: Digest of the decoded pixels; b"" where there are none.
        rows, columns: uint64, perceptual hashes; 0 where the image is too small for one.
        problems: Why an image cannot be decoded; "" where it can.
        mislabellings: What is wrong with its name; "" where nothing is.
    """

    widths: np.ndarray
    heights: np.ndarray
    formats: tuple[str, ...]
    modes: tuple[str, ...]
    contents: tuple[bytes, ...]
    rows: np.ndarray
    columns: np.ndarray
    problems: tuple[str, ...]
    mislabellings: tuple[str, ...]

    @property
    def sound(self) -> np.ndarray:
        """Positions of the images that can be decoded, ascending."""
        return np.array([i for i, problem in enumerate(self.problems) if not problem], np.int64)

    def take(self, positions: np.ndarray) -> Inspection:
        """Of these images alone."""

        def some(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(values[position] for position in positions)

        return Inspection(
            self.widths[positions],
            self.heights[positions],
            some(self.formats),
            some(self.modes),
            tuple(self.contents[position] for position in positions),
            self.rows[positions],
            self.columns[positions],
            some(self.problems),
            some(self.mislabellings),
        )


def write_inspection(inspection: Inspection, path: Path) -> None:
    """Write it as Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table(vars(inspection)), path)


def read_inspection(path: Path) -> Inspection:
    """Read what `write_inspection` wrote.

    Raises:
        DataError: If it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise DataError(f"{path} in the cache is damaged ({error}): delete it.") from error
    arrays = {"widths", "heights", "rows", "columns"}
    columns: dict[str, Any] = {
        name: table[name].to_numpy() if name in arrays else tuple(table[name].to_pylist())
        for name in table.column_names
    }
    return Inspection(**columns)
