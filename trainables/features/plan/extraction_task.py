"""Features that are computed ahead of the trials: the task for one network, and its entries.

Both travel between processes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from spaces.hyperparameters import Hyperparameters
from spaces.studies.dataset import DatasetSection
from spaces.studies.study import Precision
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
    """

    dataset: DatasetSection
    sets: RecordedSets | None
    point: Hyperparameters
    cuts: tuple[str, ...]
    cache: str | None
    threads: int
    gpu: float = 0
    precision: Precision = "auto"


@dataclass(frozen=True)
class PlannedEntry:
    """An entry of the feature store before it is computed.

    Attributes:
        cut: Name of the cut.
        part: "train" or "validation".
        key: Its key in the store.
        shape: (images, ...), of all its rows.
        about: Its description.
    """

    cut: str
    part: str
    key: str
    shape: tuple[int, ...]
    about: Mapping[str, Any]
