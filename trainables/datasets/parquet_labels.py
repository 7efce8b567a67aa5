"""From label columns, of numbers or of names, to one numbering for all files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spaces.errors import DataError
from trainables.datasets.scanning import natural

Column = tuple[Path, list[Any], list[str] | None]
"""A file, its labels, and the class names that it states."""


def numbered(columns: Sequence[Column]) -> tuple[list[str], list[np.ndarray]]:
    """Class names, and the labels of each file as int32, -1 where there is none.

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
    else:
        values = _values(columns)
        names = [str(value) for value in values]
        known = {value: number for number, value in enumerate(values)}
    return names, [_numbers(path, labels, known, names) for path, labels, _ in columns]


def _values(columns: Sequence[Column]) -> list[Any]:
    values = {v for _, labels, _ in columns for v in labels if not _is_missing(v)}
    if len({type(value) for value in values}) > 1:
        raise DataError("The Parquet files have numbers and text as labels; expected one of them.")
    return sorted(values, key=lambda value: natural(value) if isinstance(value, str) else value)


def _is_missing(label: Any) -> bool:
    return label is None or label == -1


def _numbers(path: Path, labels: list[Any], known: dict[Any, int], names: list[str]) -> np.ndarray:
    numbers = np.full(len(labels), -1, np.int32)
    for row, value in enumerate(labels):
        if _is_missing(value):
            continue
        if value not in known:
            raise DataError(
                f"{path} has the label {value!r} in row {row}, and the {len(names)} classes are "
                f"{', '.join(names[:20])}."
            )
        numbers[row] = known[value]
    return numbers
