"""Parquet files with an image column, in the layout of Hugging Face image datasets.

Files named `train-*.parquet`, `validation-*.parquet` and `test-*.parquet`, or in folders with those
names, are published sets; files with other names are one set, which we split. An image is a struct
of `bytes` and `path`, or only bytes. Class names are those of the `ClassLabel` in the schema's
`huggingface` metadata; without one, the labels themselves. Images are encoded; row groups are read
when they are needed.

Source: https://huggingface.co/docs/hub/datasets-image, section Parquet.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.cache.folder import address
from trainables.datasets.files.decoding import decode
from trainables.datasets.files.headers import BadImageError
from trainables.datasets.files.kept_digests import kept_digests
from trainables.datasets.files.scanning import Finding, is_leftover, key_of, natural
from trainables.datasets.formats.parquet_file import ImageTable
from trainables.datasets.formats.tables.columns import class_names_of, in_order
from trainables.datasets.manifest.groups import groups_of
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.names import SUBSETS, readable

Column = tuple[Path, list[Any], list[str] | None]
"""A file, its labels, and the class names in its metadata."""


def numbered(columns: Sequence[Column]) -> tuple[list[str], list[np.ndarray]]:
    """Class names, and the labels of each file as int32, -1 for rows without a label.

    Raises:
        DataError: If files disagree about the classes or a label has no name.
    """
    stated = {tuple(names) for _, _, names in columns if names is not None}
    if len(stated) > 1:
        raise DataError(
            f"The Parquet files state different class names: {' and '.join(map(str, stated))}."
        )
    if stated:
        names = list(stated.pop())
        known: dict[Any, int] = {name: number for number, name in enumerate(names)}
        known |= {number: number for number in range(len(names))}
        read = [[None if value == -1 else value for value in labels] for _, labels, _ in columns]
    else:
        _check_types(columns)
        flat = class_names_of([value for _, labels, _ in columns for value in labels])
        ends = np.cumsum([len(labels) for _, labels, _ in columns])[:-1]
        read = [part.tolist() for part in np.split(np.array(flat, object), ends)]
        names = in_order(text for text in flat if text is not None)
        if "-1" in names and len(names) > 2:  # Hugging Face's mark of an unlabelled image
            names.remove("-1")
            read = [[None if text == "-1" else text for text in part] for part in read]
        known = {name: number for number, name in enumerate(names)}
    return names, [
        _numbers(path, labels, known, names)
        for (path, _, _), labels in zip(columns, read, strict=True)
    ]


def _check_types(columns: Sequence[Column]) -> None:
    kinds = {isinstance(v, str) for _, labels, _ in columns for v in labels if v is not None}
    if len(kinds) > 1:
        raise DataError("The Parquet files have numbers and text as labels; expected one of them.")


def _numbers(path: Path, labels: list[Any], known: dict[Any, int], names: list[str]) -> np.ndarray:
    numbers = np.full(len(labels), -1, np.int32)
    for row, value in enumerate(labels):
        if value is None:
            continue
        if value not in known:
            raise DataError(
                f"{path} has the label {value!r} in row {row}, but the {len(names)} classes are "
                f"{', '.join(names[:20])}."
            )
        numbers[row] = known[value]
    return numbers


def read_index(section: DatasetSection, path: Path) -> Index:
    """Index the images of the Parquet file `path`, or of all Parquet files in that folder.

    Rows with the label -1, which Hugging Face gives to unlabelled images, are left out.

    Raises:
        DataError: If there are no such files, or they lack an image or a label column.
    """
    root = path if path.is_dir() else path.parent
    tables = [ImageTable(file, section) for file in files_in(path)]
    if not tables:
        raise DataError(
            f"{path} has no Parquet files. Expected train-*.parquet and perhaps "
            "validation-*.parquet and test-*.parquet."
        )
    for table in tables:
        table.refuse_paths()
    class_names, labels = numbered([(t.path, t.labels, t.label_names) for t in tables])
    rows = np.concatenate([np.arange(len(table_labels)) for table_labels in labels])
    owners = np.repeat(np.arange(len(tables)), [len(table_labels) for table_labels in labels])
    whole = np.concatenate(labels)
    dropped = [n for n, name in enumerate(class_names) if name in section.drop_classes]
    kept = np.flatnonzero((whole >= 0) & ~np.isin(whole, dropped))
    names = [key_of(table.path, root) for table in tables]
    subsets = [
        subset
        for table in tables
        for subset in table.sets or [_subset(table.path, root)] * len(table.labels)
    ]
    keys = tuple(f"{names[owners[i]]}#{rows[i]}" for i in kept)
    opened = _Opener(tables, owners[kept], rows[kept], keys)
    digests = kept_digests(path, [table.path for table in tables])
    columns = [group for table in tables for group in table.groups or [""] * len(table.labels)]
    return Index(
        class_names=readable(class_names, section.class_names),
        keys=keys,
        labels=whole[kept],
        read=lambda position: decode(
            opened(position), keys[position], section.max_pixels, section.bits
        ),
        fingerprint=address(
            *names,
            *digests,
            *(t.image_column for t in tables),
            *class_names,
            *(f"{key}={value}" for key, value in _others(section)),
        ),
        subsets=tuple(subsets[i] for i in kept) if any(subsets) else None,
        open=opened,
        ignored=_unlabelled(names, labels),
        groups=groups_of(section, keys, [columns[i] for i in kept]),
        place=address(path, section.bits, *(table.image_column for table in tables)),
        digests=tuple(f"{digests[owners[i]]}#{rows[i]}" for i in kept),
    )


def _others(section: DatasetSection) -> Iterator[tuple[str, object]]:
    """What else in the study changes images, labels or sets."""
    default = DatasetSection(format="parquet")
    for key in ("label_column", "split_column", "drop_classes", "group", "bits"):
        if getattr(section, key) != getattr(default, key):
            yield key, getattr(section, key)


class _Opener:
    """Opens the encoded image at a position of the index."""

    def __init__(
        self,
        tables: Sequence[ImageTable],
        owners: np.ndarray,
        rows: np.ndarray,
        keys: Sequence[str],
    ) -> None:
        self._tables, self._owners, self._rows, self._keys = tables, owners, rows, keys

    def __call__(self, position: int) -> BinaryIO:
        table = self._tables[int(self._owners[position])]
        encoded = table.image(int(self._rows[position]))
        if encoded is None:
            raise BadImageError(self._keys[position], "has no bytes in its image column")
        return BytesIO(encoded)


def files_in(path: Path) -> list[Path]:
    """The Parquet files in a folder and its subfolders, or the one file, in natural order."""
    if path.is_file():
        return [path]
    found = [
        file
        for file in path.rglob("*.parquet")
        if file.is_file() and not any(is_leftover(part) for part in file.relative_to(path).parts)
    ]
    return sorted(found, key=lambda file: natural(key_of(file, path)))


def _subset(path: Path, root: Path) -> str:
    """The set in the first word of the file's name, else in the name of a folder above it."""
    first = re.split(r"[^a-z]", path.name.lower())[0]
    folders = path.relative_to(root).parts[:-1]
    names = (first, *(folder.lower() for folder in reversed(folders)))
    return next((SUBSETS[name] for name in names if name in SUBSETS), "")


def _unlabelled(names: Sequence[str], labels: Sequence[np.ndarray]) -> tuple[Finding, ...]:
    counts = [int((table_labels < 0).sum()) for table_labels in labels]
    return tuple(
        Finding(name, f"has {count:,} rows without a label")
        for name, count in zip(names, counts, strict=True)
        if count
    )
