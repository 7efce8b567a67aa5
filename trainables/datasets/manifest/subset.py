"""The part of a dataset that a study uses, drawn by class and published set before any is read."""

from __future__ import annotations

import math

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.stratified import TooFewError, take_stratified


def used_positions(index: Index, section: DatasetSection) -> np.ndarray:
    """Positions of the images that a study uses: int64, ascending.

    The published test set is always used whole. Of the others, `section.subset` is stratified by
    class and published set. Nothing but classes, sets and the seed decides which are drawn, so no
    other image has to be read.

    Args:
        index: All images.
        section: Has the subset and the seed.

    Raises:
        DataError: If the subset is larger than the dataset, or too small for its classes.
    """
    if section.subset is None:
        return np.arange(len(index.keys))
    is_test = index.published == "test"
    positions = np.flatnonzero(~is_test)
    whole = isinstance(section.subset, int)
    count = int(section.subset) if whole else share_of(section.subset, len(positions))
    if count > len(positions):
        raise DataError(
            f"subset is {count:,}, but there are only {len(positions):,} images to take it from: "
            "change dataset.subset in the study, or remove it."
        )
    in_validation = index.published[positions] == "validation"
    strata = index.labels[positions] + in_validation * len(index.class_names)
    try:
        taken = take_stratified(
            strata, range(len(positions)), count, section.seed + 2, least_left=0
        )
    except TooFewError as error:
        raise DataError(
            f"A subset of {count:,} images is too small: there are {len(np.unique(strata))} "
            "classes, counted in each published set, and each needs at least one image. Raise "
            "dataset.subset in the study."
        ) from error
    return np.sort(np.concatenate([positions[taken], np.flatnonzero(is_test)]))


def share_of(share: float, count: int) -> int:
    """A share of a number of images, rounded up."""
    # Rounded first: 0.1 × 30 is a little more than 3 in floating point.
    return math.ceil(round(share * count, 6))
