"""Features that are computed ahead of the trials: the task for one network, and its rows.

Both travel between processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spaces.hyperparameters import Hyperparameters
from spaces.studies.dataset import DatasetSection
from spaces.studies.study import FeatureDtype, Precision
from trainables.cache.rows.row_store import RowStore
from trainables.datasets.sets.recorded import RecordedSets

SETS = ("train", "validation")


@dataclass(frozen=True)
class ExtractionTask:
    """The features to compute with one network.

    Attributes:
        dataset: The study's dataset section.
        sets: Of the run, without the test set; None splits the dataset as it is.
        point: A configuration whose network has all the cuts.
        cuts: Names of the cuts.
        cache: For `use_cache`.
        threads: TensorFlow's threads: as many as in a trial, which may get this process next.
        gpu: Share of a GPU, that of a trial.
        precision: As in `Resources.precision`.
        dtype: As in `Resources.feature_dtype`.
    """

    dataset: DatasetSection
    sets: RecordedSets | None
    point: Hyperparameters
    cuts: tuple[str, ...]
    cache: str | None
    threads: int
    gpu: float = 0
    precision: Precision = "auto"
    dtype: FeatureDtype = "float32"


@dataclass(frozen=True, eq=False)
class PlannedRows:
    """The features of one set at one cut, as they are planned.

    Attributes:
        cut: Name of the cut.
        part: "train" or "validation".
        family: Of their rows in the store.
        row: Shape of a row.
        contents: Digests of the images, S16 (images,).
        about: Their description.
        dtype: What they are stored as.
    """

    cut: str
    part: str
    family: str
    row: tuple[int, ...]
    contents: np.ndarray
    about: Mapping[str, Any]
    dtype: FeatureDtype = "float32"

    @property
    def store(self) -> RowStore:
        """Where they are stored."""
        return RowStore("features", self.family, self.row, np.dtype(self.dtype).type)
