"""One table of labels: which columns it has, and the image, label, set and group of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.content_types import EXTENSIONS
from trainables.datasets.formats.tables.columns import (
    IMAGE_NAMES,
    LABEL_NAMES,
    chosen,
    class_names_of,
    may_be_label,
    one_hot,
    plain,
    split_column,
    usual,
)
from trainables.datasets.formats.tables.image_finder import ImageFinder
from trainables.datasets.formats.tables.table_file import Columns, read_table
from trainables.datasets.manifest.names import SUBSETS

_SAMPLE = 200
_IMAGE_ENDINGS = tuple(ending for endings in EXTENSIONS.values() for ending in endings)


@dataclass(frozen=True)
class LabelTable:
    """A table of labels, with one value for each row.

    Attributes:
        path: The file.
        written: The image, as the table calls it.
        images: The image's file; None if there is none.
        labels: The class name; None where it is missing.
        sets: Published set, or "".
        groups: Value of the column to group by, or "".
        label_is_clear: Whether the study or a usual name says which column is the label.
    """

    path: Path
    written: tuple[str, ...]
    images: tuple[Path | None, ...]
    labels: tuple[str | None, ...]
    sets: tuple[str, ...]
    groups: tuple[str, ...]
    label_is_clear: bool


def read_label_table(
    section: DatasetSection, path: Path, root: Path, finder: ImageFinder
) -> LabelTable:
    """Read a table and find its images.

    Args:
        section: May name columns.
        path: The table.
        root: The dataset's folder.
        finder: Finds images in it.

    Raises:
        DataError: If it is no table, or if it is not clear which columns are meant.
    """
    columns = read_table(path, _IMAGE_ENDINGS)
    if not any(columns.values()):
        raise DataError(f"{path} has no rows, expected one for each image.")
    image = _image_column(section, path, columns, finder)
    written = tuple(_text(value) for value in columns[image])
    others = {k: v for k, v in columns.items() if k not in (image, section.label_column)}
    split = split_column(path, section.split_column, others)
    whole = set_named(path, root) or ""
    sets = tuple(split[1]) if split else (whole,) * len(written)
    return LabelTable(
        path,
        written,
        tuple(finder.find(name, hint) for name, hint in zip(written, sets, strict=True)),
        tuple(_labels(section, path, columns, {image, split[0] if split else None})),
        sets,
        _groups(section, path, columns, len(written)),
        bool(section.label_column or usual(columns, LABEL_NAMES)),
    )


def set_named(path: Path, root: Path) -> str | None:
    """The set that a table, or else a folder that it is in, is named after; None if none."""
    words = plain(path.stem).split("_")
    folders = [part.lower() for part in reversed(path.relative_to(root).parts[:-1])]
    return next((SUBSETS[word] for word in (*words, *folders) if word in SUBSETS), None)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _image_column(
    section: DatasetSection, path: Path, columns: Columns, finder: ImageFinder
) -> str:
    """The column whose values are images, the one with the most usual name among several."""
    if section.image_column is not None:
        return chosen(path, "image", section.image_column, list(columns), ())
    shares = {name: _share_found(values, finder) for name, values in columns.items()}
    best = max(shares.values())
    fitting = [name for name, share in shares.items() if share == best and share > 0]
    if not fitting:
        example = next(
            (_text(columns[name][0]) for name in usual(columns, IMAGE_NAMES)), "nothing like it"
        )
        raise DataError(
            f"{path} names none of the images beside it: expected a column of paths or names of "
            f"images, with or without their ending; its columns are {', '.join(columns)} (the "
            f"first row has {example}). Name it as image_column in the study if it is there, and "
            "set follow_links: true if the images are outside of the table's folder."
        )
    return chosen(path, "image", None, fitting, (usual(fitting, IMAGE_NAMES) or fitting)[:1])


def _share_found(values: Sequence[Any], finder: ImageFinder) -> float:
    sample = [_text(value) for value in values[:: max(1, len(values) // _SAMPLE)]]
    return sum(finder.find(text) is not None for text in sample) / max(1, len(sample))


def _labels(
    section: DatasetSection, path: Path, columns: Columns, taken: set[str | None]
) -> list[str | None]:
    """Class name of each row, from one column or from a 0/1 column for each class."""
    others = {name: values for name, values in columns.items() if name not in taken}
    wanted = section.label_column
    likely = usual(others, LABEL_NAMES)[:1]
    if wanted is None and not likely:
        free = {name: values for name, values in others.items() if may_be_label(name)}
        if found := one_hot(free):
            return list(found)
        likely = [name for name, values in free.items() if _can_be_label(values)]
    column = chosen(path, "label", wanted, list(others), likely)
    if any(isinstance(value, list | dict) for value in columns[column]):
        raise DataError(
            f"The column {column!r} of {path} has lists; expected one label for each image. Name "
            "another one as label_column in the study."
        )
    return class_names_of(columns[column])


def _can_be_label(values: Sequence[Any]) -> bool:
    different = {_text(value) for value in values} - {""}
    return 2 <= len(different) <= max(2, len(values) // 2)


def _groups(section: DatasetSection, path: Path, columns: Columns, count: int) -> tuple[str, ...]:
    column = section.group.column if section.group else None
    if column is None:
        return ("",) * count
    if column not in columns:
        raise DataError(
            f"{path} has no column {column!r} to group by; its columns are {', '.join(columns)}."
        )
    return tuple(_text(value) for value in columns[column])
