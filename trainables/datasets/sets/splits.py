"""Splitting a dataset into training, validation and sealed test set, stratified and disjoint."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import TEST_SHARE, DatasetSection
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.stratified import TooFewError, take_stratified
from trainables.datasets.manifest.subset import share_of
from trainables.datasets.sets.grouped import take_groups, together

SETS = ("train", "validation", "test")


@dataclass(frozen=True)
class Splits:
    """Positions in an index, int64 and ascending, of each set."""

    train: np.ndarray
    validation: np.ndarray
    test: np.ndarray

    def of(self, name: str) -> np.ndarray:
        """The positions of a set, by its name."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[name]


def split(
    index: Index, section: DatasetSection, contents: Sequence[Hashable] | None = None
) -> Splits:
    """Split an index into its published sets, and by the study's shares if sets are missing.

    Published sets stay as they are. A missing set is taken from the training images, or from all
    images if no sets are published; `section.validation` and `section.test` are shares of these. So
    without published sets, 0.2 and 0.2 leave 0.6 for training.

    Args:
        index: The images that the study uses, see `used_positions`.
        section: Has the shares and the seed.
        contents: One value for each image, equal for copies, which come into one set. None: there
            are no copies.

    Raises:
        DataError: If a class has too few images.
    """
    ids = together(index.keys if contents is None else contents, index.groups)
    published = index.published
    test = np.flatnonzero(published == "test")
    used = np.flatnonzero(published != "test")
    validation = used[published[used] == "validation"]
    train = used[published[used] != "validation"]
    count = len(train)
    _check_class_sizes(index, ids, train, 1 + (not len(test)) + (not len(validation)))
    if not len(test):
        share = section.test or TEST_SHARE
        train, test = _take(index, ids, train, (share, count), section.seed, "test")
    if not len(validation):
        share = section.validation
        train, validation = _take(index, ids, train, (share, count), section.seed + 1, "validation")
    return Splits(train, validation, test)


def _check_class_sizes(index: Index, ids: np.ndarray, positions: np.ndarray, needed: int) -> None:
    """Refuse classes with fewer different images, or groups, than sets; names all of them."""
    pairs = np.unique(np.stack([index.labels[positions], ids[positions]]), axis=1)
    different = np.bincount(pairs[0], minlength=len(index.class_names))
    published = np.flatnonzero(index.published == "test")
    absent = different + index.counts(published) == 0
    small = np.flatnonzero((different < needed) & ~absent)
    if not len(small):
        return
    names = [index.class_names[label] for label in small]
    counts = ", ".join(f"{name!r} has {n}" for name, n in zip(names, different[small], strict=True))
    what = "different images" if index.groups is None else "groups of images"
    raise DataError(
        f"{len(small):,} of {len(index.class_names):,} classes have fewer than {needed} {what}, "
        f"not counting copies, but each needs one in each of {needed} sets: {counts}. Add images, "
        "raise dataset.subset if there is one, or leave these classes out in the study's dataset "
        f"section: drop_classes: [{', '.join(names)}]."
    )


def _take(
    index: Index,
    ids: np.ndarray,
    positions: np.ndarray,
    share: tuple[float, int],
    seed: int,
    name: str,
) -> tuple[np.ndarray, np.ndarray]:
    """Take a set from these positions: (the rest, the set). `share` is a share, and of how many."""
    count = share_of(*share)
    labels, own = index.labels[positions], ids[positions]
    try:
        if index.groups is None:
            taken = take_stratified(labels, own.tolist(), count, seed)
        else:
            taken = take_groups(labels, own, count, seed)
    except TooFewError as error:
        grouped = ""
        if index.groups is not None:
            of = f"{index.class_names[error.label]!r} is in {error.different} groups"
            grouped = f" The class {of}, too few to be in all sets."
        raise DataError(
            f"A {name} set of {share[0]:.0%}, which is {count:,} images, cannot be taken from "
            f"{len(positions):,} images of {len(np.unique(labels))} classes, each of which needs "
            f"images in all three sets.{grouped} Change dataset.{name} in the study, add images, "
            "or drop classes."
        ) from error
    return positions[~taken], positions[taken]
