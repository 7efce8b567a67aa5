"""What each model predicted for each test image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from spaces.errors import RunStateError

_COLUMNS = ("model", "image", "label", "predicted")
_MEND = "Run thawtune evaluate again."

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Predictions:
    """Of one model: true and predicted class of each image, shape (images,), sorted by image."""

    images: tuple[str, ...]
    label: Labels
    predicted: Labels

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """Which images were classified rightly."""
        return np.equal(self.label, self.predicted)


def read_predictions(path: Path, classes: Sequence[str]) -> dict[str, Predictions]:
    """The predictions of every model by its name; none where the file is not there yet.

    Raises:
        RunStateError: If the file cannot be read, or is not what it should be.
    """
    if not path.is_file():
        return {}
    try:
        missing = [name for name in _COLUMNS if name not in pq.read_schema(path).names]
        if missing:
            raise RunStateError(f"{path} has no column {', '.join(missing)}. {_MEND}")
        frame = pq.read_table(path, columns=list(_COLUMNS)).to_pandas()
    except (OSError, pa.ArrowException) as error:
        raise RunStateError(f"{path} cannot be read: {error}. {_MEND}") from error
    if not frame[["label", "predicted"]].isin(range(len(classes))).all(axis=None):
        raise RunStateError(
            f"{path} has a label that is not among the {len(classes)} classes of test.json. "
            f"The two files are not of the same evaluation. {_MEND}"
        )
    return {str(model): _of_one_model(rows) for model, rows in frame.groupby("model")}


def _of_one_model(rows: pd.DataFrame) -> Predictions:
    rows = rows.sort_values("image")
    return Predictions(
        tuple(rows["image"].astype(str)),
        rows["label"].to_numpy(np.int64),
        rows["predicted"].to_numpy(np.int64),
    )
