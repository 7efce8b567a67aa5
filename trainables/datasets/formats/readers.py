"""The reader of each dataset format, and the digits of scikit-learn."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.archives import is_archive, refuse_other_archives, unpacked
from trainables.datasets.files.left_out import left_out_images
from trainables.datasets.files.location import LAYOUTS, locate
from trainables.datasets.formats import (
    cifar10,
    class_folders,
    idx,
    lists,
    parquet,
    split_folders,
    table,
    tfds,
)
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.names import readable
from trainables.datasets.manifest.plain_pixels import plain_index
from trainables.datasets.manifest.subset import used_positions

READERS: dict[str, Callable[[DatasetSection, Path], Index]] = {
    "folders": class_folders.read_index,
    "split_folders": split_folders.read_index,
    "lists": lists.read_index,
    "cifar10": cifar10.read_index,
    "idx": idx.read_index,
    "parquet": parquet.read_index,
    "table": table.read_index,
}
"""Readers of the formats that have files."""


def read_index(section: DatasetSection, keys: Collection[str] | None = None) -> Index:
    """Find a dataset, unpack it if need be, and index its images without decoding them.

    Args:
        section: With the path of the dataset.
        keys: Of the images whose files are read for their digests; None: those that the study uses.

    Raises:
        DataError: If it does not exist, has another layout, or has fewer than two classes.
    """
    index = _read(section)
    left_out = "".join(f" {sentence}." for sentence in left_out_images(index.ignored))
    if not index.keys:
        raise DataError(
            f"{section.path or section.format} has no images.{left_out}{_expected(section)}"
        )
    index = index.without_unused_classes()
    if len(index.class_names) < 2:
        raise DataError(
            f"{section.path or section.format} has only one class, {index.class_names[0]!r}; "
            f"classification needs two or more.{left_out}{_expected(section)}"
        )
    if keys is None:
        return index.digested(used_positions(index, section))
    return index.digested(np.flatnonzero([key in keys for key in index.keys]))


def _read(section: DatasetSection) -> Index:
    if section.format == "digits":
        return _read_digits(section)
    if section.format == "tfds":
        return tfds.read_index(section, locate(section) if section.path else None)
    path = locate(section)
    if is_archive(path):
        path = unpacked(path)
    refuse_other_archives(path)
    if not path.is_dir() and section.format not in ("parquet", "table"):
        raise DataError(f"{path} is a file.{_expected(section)}")
    return READERS[section.format](section, path)


def _expected(section: DatasetSection) -> str:
    return f" Expected {LAYOUTS[section.format]}."


def _read_digits(section: DatasetSection) -> Index:
    """scikit-learn's 1,797 digits of 8×8 pixels, their 17 grey levels scaled to 0..255."""
    from sklearn.datasets import load_digits

    data = load_digits()
    grey = np.round(data.images * (255 / 16)).astype(np.uint8)
    names = readable([str(name) for name in data.target_names], section.class_names)
    keys = tuple(f"digits/{number:04d}" for number in range(len(grey)))
    return plain_index(grey, data.target.astype(np.int32), names, keys)
