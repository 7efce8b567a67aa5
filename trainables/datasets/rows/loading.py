"""Loading the sets of a study's dataset. Trials cannot load the test set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.threads import Progress
from trainables.datasets.formats.readers import read_index
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.subset import used_positions
from trainables.datasets.preflight.bad_images import without_bad
from trainables.datasets.preflight.kept_inspection import inspect
from trainables.datasets.rows.images import Images, load_images
from trainables.datasets.rows.resizing import Square
from trainables.datasets.sets.recorded import RecordedSets
from trainables.datasets.sets.restored import Restored, check_contents, deferred, restore
from trainables.datasets.sets.splits import SETS, Splits, split


@dataclass(frozen=True)
class TrialData:
    """The data of a trial: never the test set."""

    class_names: tuple[str, ...]
    train: Images
    validation: Images


@dataclass(frozen=True)
class SealedTest:
    """The test set, only for `evaluate`."""

    class_names: tuple[str, ...]
    keys: tuple[str, ...]
    images: Images


_sealed = False


def seal() -> None:
    """Keep this process from ever loading the test set, because trials run in it."""
    global _sealed
    _sealed = True


def read_splits(
    section: DatasetSection,
    recorded: RecordedSets | None = None,
    progress: Progress | None = None,
) -> tuple[Index, Splits]:
    """The images of a dataset and their sets; the test set is empty in a sealed process.

    Nothing is decoded if the dataset has been inspected before. Images that cannot be decoded are
    left out if the study skips them. Copies of an image are in one set.

    Args:
        section: With the path of the dataset.
        recorded: The sets of the run; None splits the dataset as it is now.
        progress: Called with the number of steps done and their total while images are decoded.

    Raises:
        DataError: If the dataset cannot be used.
        ChangedDataError: If it no longer has the images that were recorded.
    """
    if recorded is not None:
        restored = reread(section, recorded, progress=progress)
        index, splits = restored.index, restored.splits
    else:
        index, splits = _split_now(section, progress)
    return index, replace(splits, test=splits.test[:0]) if _sealed else splits


def _split_now(section: DatasetSection, progress: Progress | None) -> tuple[Index, Splits]:
    """All images but unreadable ones, and the sets among those that the study uses."""
    whole = read_index(section)
    used = used_positions(whole, section)
    every = inspect(whole, section.max_pixels, progress, used)
    part, inspection = without_bad(whole.take(used), every, section)
    splits = split(part, section, inspection.contents)
    sound = used[every.sound]
    kept = np.setdiff1d(np.arange(len(whole.keys)), np.setdiff1d(used, sound))
    places = np.searchsorted(kept, sound)
    contents = np.zeros(len(kept), "S16")
    contents[places] = inspection.contents
    index = whole if len(kept) == len(whole.keys) else whole.take(kept)
    return replace(index, contents=contents), Splits(*(places[splits.of(name)] for name in SETS))


def reread(
    section: DatasetSection,
    recorded: RecordedSets,
    checked: Sequence[str] = ("train", "validation"),
    progress: Progress | None = None,
) -> Restored:
    """The recorded images and sets, found in the dataset as it is now.

    Args:
        section: With the path of the dataset.
        recorded: The sets of a run.
        checked: Sets whose images are compared with their recorded contents, if anything in the
            dataset has changed at all.
        progress: Called with the number of steps done and their total while images are decoded.

    Raises:
        ChangedDataError: If an image has gone or changed.
    """
    now = read_index(section, recorded.used_keys)
    restored = restore(recorded, now)
    if not restored.is_unchanged:
        wanted = np.sort(np.concatenate([restored.splits.of(name) for name in checked]))
        looked_at = replace(restored.index, fingerprint=now.fingerprint).take(wanted)
        found = inspect(looked_at, section.max_pixels, progress)
        check_contents(recorded, looked_at.keys, found.contents, found.problems)
    return restored


def load_trial_data(
    section: DatasetSection,
    square: Square | int,
    recorded: RecordedSets | None = None,
    train: Square | None = None,
) -> TrialData:
    """Training and validation images.

    With recorded sets, the dataset itself is read only if the cache lacks any of these images.

    Args:
        section: With the path of the dataset.
        square: What each image becomes; a number is the side of one that they are squashed to.
        recorded: The sets of the run.
        train: What training images become, if not the same.
    """
    index, splits = _for_training(section, recorded)
    return TrialData(
        index.class_names,
        load_images(index, splits.train, train or square),
        load_images(index, splits.validation, square),
    )


def load_refit_data(
    section: DatasetSection, square: Square | int, recorded: RecordedSets | None = None
) -> tuple[tuple[str, ...], Images]:
    """Class names, and the training and validation images as one set."""
    index, splits = _for_training(section, recorded)
    both = np.sort(np.concatenate([splits.train, splits.validation]))
    return index.class_names, load_images(index, both, square)


def _for_training(section: DatasetSection, recorded: RecordedSets | None) -> tuple[Index, Splits]:
    if recorded is None:
        return read_splits(section)
    return deferred(recorded, lambda: read_index(section, ()))


def open_sealed_test(
    section: DatasetSection, square: Square | int, recorded: RecordedSets | None = None
) -> SealedTest:
    """The test images, as squares.

    Raises:
        DataError: If this process is sealed, as those of trials are.
        ChangedDataError: If a test image is no longer what was recorded.
    """
    if _sealed:
        raise DataError("The test set is sealed: no process that runs trials may load it.")
    if recorded is None:
        index, splits = read_splits(section)
    else:
        restored = reread(section, recorded, checked=("test",))
        index, splits = restored.index, restored.splits
    keys = tuple(index.keys[position] for position in splits.test)
    return SealedTest(index.class_names, keys, load_images(index, splits.test, square))
