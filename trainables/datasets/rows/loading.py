"""From a study's dataset section to its sets. The test set has a door of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spaces.dataset import DatasetSection
from spaces.errors import DataError
from trainables.datasets.files.threads import Progress
from trainables.datasets.formats.readers import read_index
from trainables.datasets.manifest.index import Index
from trainables.datasets.preflight.inspection import Inspection, inspect
from trainables.datasets.preflight.soundness import without_bad
from trainables.datasets.rows.images import Images, load_images
from trainables.datasets.sets.recorded import RecordedSets, Restored, check_contents, restore
from trainables.datasets.sets.splits import Splits, split


@dataclass(frozen=True)
class TrialData:
    """All that a trial sees: never the test set."""

    class_names: tuple[str, ...]
    train: Images
    validation: Images


@dataclass(frozen=True)
class SealedTest:
    """The test set, for `evaluate` alone."""

    class_names: tuple[str, ...]
    keys: tuple[str, ...]
    images: Images


_sealed = False


def seal() -> None:
    """Lock the test set's door in this process, for good: trials run in it."""
    global _sealed
    _sealed = True


def read_splits(
    section: DatasetSection,
    recorded: RecordedSets | None = None,
    progress: Progress | None = None,
) -> tuple[Index, Splits]:
    """The images of a dataset and their sets; in a sealed process none is in the test set.

    Nothing is decoded if the dataset has been inspected before. Images that cannot be decoded are
    left out if the study skips them; copies of an image are in one set.

    Args:
        section: Its path is where the dataset is.
        recorded: The sets of the run that asks; None splits the dataset as it is now.
        progress: Called with the steps done and in all, where images are decoded.

    Raises:
        DataError: If the dataset cannot be used.
        ChangedDataError: If it no longer has the images that were recorded.
    """
    if recorded is not None:
        restored = reread(section, recorded, progress=progress)
        index, splits = restored.index, restored.splits
    else:
        index, inspection = _sound(read_index(section), section, progress)
        splits = split(index, section, inspection.contents)
    return index, replace(splits, test=splits.test[:0]) if _sealed else splits


def reread(
    section: DatasetSection,
    recorded: RecordedSets,
    checked: Sequence[str] = ("train", "validation"),
    progress: Progress | None = None,
) -> Restored:
    """The recorded images and sets, found in the dataset as it is now.

    Args:
        section: Its path is where the dataset is.
        recorded: The sets of a run.
        checked: Sets whose images are compared with their recorded contents, if anything in the
            dataset has changed at all.
        progress: Called with the steps done and in all, where images are decoded.

    Raises:
        ChangedDataError: If an image has gone or changed.
    """
    restored = restore(recorded, read_index(section))
    if not restored.is_unchanged:
        wanted = np.sort(np.concatenate([restored.splits.of(name) for name in checked]))
        looked_at = restored.index.take(wanted)
        found = inspect(looked_at, section.max_pixels, progress)
        check_contents(recorded, looked_at.keys, found.contents, found.problems)
    return restored


def load_trial_data(
    section: DatasetSection, size: int, recorded: RecordedSets | None = None
) -> TrialData:
    """Training and validation images at this size."""
    index, splits = read_splits(section, recorded)
    return TrialData(
        index.class_names,
        load_images(index, splits.train, size),
        load_images(index, splits.validation, size),
    )


def load_refit_data(
    section: DatasetSection, size: int, recorded: RecordedSets | None = None
) -> tuple[tuple[str, ...], Images]:
    """Class names, and training and validation images as one set."""
    index, splits = read_splits(section, recorded)
    both = np.sort(np.concatenate([splits.train, splits.validation]))
    return index.class_names, load_images(index, both, size)


def open_sealed_test(
    section: DatasetSection, size: int, recorded: RecordedSets | None = None
) -> SealedTest:
    """The test images at this size.

    Raises:
        DataError: If this process is sealed, as the ones of trials are.
        ChangedDataError: If a test image is no longer what was recorded.
    """
    if _sealed:
        raise DataError("The test set is sealed: a trial asked for it, and must choose without it.")
    if recorded is None:
        index, splits = read_splits(section)
    else:
        restored = reread(section, recorded, checked=("test",))
        index, splits = restored.index, restored.splits
    keys = tuple(index.keys[position] for position in splits.test)
    return SealedTest(index.class_names, keys, load_images(index, splits.test, size))


def _sound(
    index: Index, section: DatasetSection, progress: Progress | None
) -> tuple[Index, Inspection]:
    return without_bad(index, inspect(index, section.max_pixels, progress), section)
