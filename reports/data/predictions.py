"""Predictions of the tested models for each test image."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from reports.statistics.scores import Scores
from spaces.errors import RunStateError

_COLUMNS = ("model", "image", "label", "predicted")
_PROBABILITIES = "probabilities"

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Predictions:
    """The predictions of one model, sorted by image.

    Attributes:
        images: Names.
        label, predicted: True and predicted class of each, shape (images,).
        probabilities: Of each class, shape (images, classes); None if they are not on file.
    """

    images: tuple[str, ...]
    label: Labels
    predicted: Labels
    probabilities: NDArray[np.float64] | None = None

    @property
    def is_right(self) -> NDArray[np.bool_]:
        """Which images were classified correctly."""
        return np.equal(self.label, self.predicted)

    @property
    def scores(self) -> Scores:
        """The scores of these predictions."""
        return Scores(self.label, self.predicted, self.probabilities)

    def probability_of(self, classes: Labels) -> NDArray[np.float64] | None:
        """The probability of one class for each image, if it is on file; shape (images,)."""
        if self.probabilities is None:
            return None
        return self.probabilities[np.arange(len(classes)), classes]


def read_predictions(path: Path, classes: Sequence[str]) -> dict[str, Predictions]:
    """The predictions of every model by its name; empty if there is no file yet.

    Raises:
        RunStateError: If the file cannot be read or does not fit test.json.
    """
    if not path.is_file():
        return {}
    try:
        names = pq.read_schema(path).names
        missing = [name for name in _COLUMNS if name not in names]
        if missing:
            raise RunStateError(f"{path} has no column {', '.join(missing)}. {_mend(path)}")
        columns = [name for name in (*_COLUMNS, _PROBABILITIES) if name in names]
        frame = pq.read_table(path, columns=columns).to_pandas()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise RunStateError(f"{path} cannot be read: {error}. {_mend(path)}") from error
    if not frame[["label", "predicted"]].isin(range(len(classes))).all(axis=None):
        raise RunStateError(
            f"{path} has a label that is not among the {len(classes)} classes of test.json. "
            f"The two files are not of the same evaluation. {_mend(path)}"
        )
    models = {str(model): rows.sort_values("image") for model, rows in frame.groupby("model")}
    return {name: _of_one_model(path, rows, len(classes)) for name, rows in models.items()}


def _of_one_model(path: Path, rows: pd.DataFrame, classes: int) -> Predictions:
    return Predictions(
        tuple(rows["image"].astype(str)),
        rows["label"].to_numpy(np.int64),
        rows["predicted"].to_numpy(np.int64),
        _probabilities(path, rows, classes) if _PROBABILITIES in rows else None,
    )


def _probabilities(path: Path, rows: pd.DataFrame, classes: int) -> NDArray[np.float64]:
    lengths = rows[_PROBABILITIES].map(len)
    if not lengths.eq(classes).all():
        raise RunStateError(
            f"{path} has {lengths.iloc[0]} probabilities for an image, and test.json "
            f"{classes} classes. The two files are not of the same evaluation. {_mend(path)}"
        )
    return np.stack(rows[_PROBABILITIES].to_list()).astype(np.float64)


def _mend(path: Path) -> str:
    return f"To write it again: {shlex.join(['thawtune', 'evaluate', str(path.parent), '--again'])}"
