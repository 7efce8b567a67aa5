"""Indexing images that are a file each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.decoding import decode
from trainables.datasets.files.headers import BadImageError
from trainables.datasets.files.kept_digests import kept_digests
from trainables.datasets.files.scanning import Finding, key_of
from trainables.datasets.manifest.groups import groups_of
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.names import readable


class ImageFile(NamedTuple):
    """One image of a dataset in files.

    Attributes:
        path: Absolute path.
        folder: Name of its class's folder.
        subset: Published set that it belongs to, or "".
        group: Value of the column that groups images, or "".
    """

    path: Path
    folder: str
    subset: str = ""
    group: str = ""


def file_index(
    root: Path,
    files: Sequence[ImageFile],
    class_folders: Sequence[str],
    section: DatasetSection,
    *,
    ignored: Sequence[Finding] = (),
    empty_classes: Sequence[str] = (),
) -> Index:
    """An index of these files, in their order.

    None of them is read until `Index.digested` is called.

    Args:
        root: Keys are relative to it.
        class_folders: Folder names of the classes; their order gives the labels.
    """
    keys = tuple(key_of(file.path, root) for file in files)
    labels = {folder: label for label, folder in enumerate(class_folders)}
    paths = [file.path for file in files]
    published = any(file.subset for file in files)

    def digest(positions: np.ndarray) -> list[str]:
        return kept_digests(root, [paths[position] for position in positions])

    def opened(position: int) -> BinaryIO:
        return _open(paths[position], keys[position])

    def read(position: int) -> np.ndarray:
        with opened(position) as file:
            return decode(file, keys[position], section.max_pixels, section.bits)

    return Index(
        class_names=readable(class_folders, section.class_names),
        keys=keys,
        labels=np.array([labels[file.folder] for file in files], np.int32),
        read=read,
        fingerprint=_rules(section),
        subsets=tuple(file.subset for file in files) if published else None,
        open=opened,
        in_files=True,
        ignored=tuple(ignored),
        empty_classes=tuple(empty_classes),
        groups=groups_of(section, keys, [file.group for file in files]),
        place=f"{root}/{section.bits}",
        digest=digest,
    )


def _rules(section: DatasetSection) -> str:
    """What the fingerprint says about rules of the study that change pixels or sets."""
    bits = "" if section.bits == 16 else f"/{section.bits} bits"
    return bits if section.group is None else f"{bits}/{section.group.model_dump_json()}"


def _open(path: Path, key: str) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise BadImageError(key, f"cannot be opened: {error.strerror}") from error
