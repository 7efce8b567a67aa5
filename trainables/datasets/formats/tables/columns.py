"""Columns of a table: their usual names, which one to take, and labels as class names."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from spaces.errors import DataError
from trainables.datasets.files.scanning import natural
from trainables.datasets.manifest.names import SUBSETS

IMAGE_NAMES = (
    *("image", "img", "picture", "photo", "file_name", "filename", "file", "path", "filepath"),
    *("file_path", "image_path", "image_file", "image_name", "image_url", "url", "image_id"),
    *("img_id", "id", "uuid"),
)
LABEL_NAMES = (
    *("label", "labels", "class", "class_name", "classname", "class_label", "category", "target"),
    *("label_name", "species", "breed", "diagnosis", "dx", "class_id", "label_id"),
)
SPLIT_NAMES = ("split", "set", "subset", "partition", "dataset", "phase", "usage")
_NEVER_LABELS = re.compile(
    r"(k?_?folds?|splits?|sets?|subset|partition|phase|usage|is_valid|index|idx|row|number|nr|no"
    r"|ids?|uuid|.*_ids?|.*_index|unnamed.*|__index_level_\d+__|__fragment.*|width|height|size"
    r"|[xy]_?(min|max)|bbox.*|urls?|.*_url|.*path|file.*|(img|image).*|md5|sha\d*|hash|date|time"
    r"|timestamp|year|lat.*|lon.*|age|sex|gender|split|patient.*|subject.*|group|camera|site"
    r"|weights?|confidence|licen[cs]e|author|source|description|caption|text|comment.*)\Z",
    re.IGNORECASE,
)


def may_be_label(name: str) -> bool:
    """Whether a column with this name may be taken for the label without being asked for.

    Fold numbers, identifiers, indices of pandas and measures of the picture may not.
    """
    return not _NEVER_LABELS.match(name)


def chosen(
    path: Path | str, kind: str, wanted: str | None, fitting: Sequence[str], likely: Sequence[str]
) -> str:
    """The column that the study names, or else the only likely one.

    Args:
        path: The file, for the message.
        kind: "image" or "label", for the message.
        wanted: The name in the study.
        fitting: Columns whose type fits.
        likely: Those among them that may be taken without being asked for.

    Raises:
        DataError: If there is not exactly one.
    """
    if wanted is not None:
        if wanted in fitting:
            return wanted
        problem = f"has no {kind} column {wanted!r}"
    elif len(likely) == 1:
        return likely[0]
    else:
        problem = f"has no column that is clearly the {kind}"
    raise DataError(
        f"{path} {problem}; columns that could be: {', '.join(fitting) or 'none'}. Name one as "
        f"{kind}_column in the study."
    )


def usual(names: Iterable[str], known: Sequence[str]) -> list[str]:
    """The names that are among the known ones, best first, whatever their case and spaces."""
    ranks = {name: rank for rank, name in enumerate(known)}
    found = [(ranks[plain(name)], name) for name in names if plain(name) in ranks]
    return [name for _, name in sorted(found)]


def plain(name: str) -> str:
    """A column's name in lower case with underscores: `Image Name` is `image_name`."""
    return re.sub(r"[\s\-.]+", "_", name.strip().lower())


def class_names_of(values: Sequence[Any]) -> list[str | None]:
    """Each label as the name of a class; None where it is missing.

    Whole numbers that are stored as floating-point numbers, as pandas does where some are missing,
    lose their `.0`; booleans become true and false.
    """
    as_text = [_text(value) for value in values]
    if all(text is None or re.fullmatch(r"[+-]?\d+\.0*", text) for text in as_text):
        return [None if text is None else text.partition(".")[0] for text in as_text]
    return as_text


def in_order(names: Iterable[str]) -> list[str]:
    """Different names of classes: numbers by value, others in natural order."""
    different = set(names)
    try:
        return sorted(different, key=float)
    except ValueError:
        return sorted(different, key=natural)


def _text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    text = str(value).strip()
    return None if text.lower() in ("", "nan") else text


def one_hot(columns: Mapping[str, Sequence[Any]]) -> list[str] | None:
    """Columns that together are one label: each is 0 or 1, and each row has one 1.

    Args:
        columns: Candidates, in the order of the table.

    Returns:
        Name of the column that is 1 in each row; None if the columns are no such label.
    """
    binary = {
        name: [_text(value) == "1" for value in class_names_of(values)]
        for name, values in columns.items()
        if set(class_names_of(values)) == {"0", "1"}
    }
    rows = list(zip(*binary.values(), strict=True))
    if len(binary) < 2 or not all(sum(row) == 1 for row in rows):
        return None
    names = list(binary)
    return [names[row.index(True)] for row in rows]


def split_column(
    path: Path, wanted: str | None, columns: Mapping[str, Sequence[Any]]
) -> tuple[str, list[str]] | None:
    """The column of sets, and the set of each row, or "": the named one, or one of usual name.

    A column that is not named in the study is taken if all of its values are names of sets.

    Raises:
        DataError: If the named column does not exist or has other values.
    """
    if wanted is not None and wanted not in columns:
        raise DataError(
            f"{path} has no column {wanted!r} (split_column in the study); columns that could be: "
            f"{', '.join(columns) or 'none'}."
        )
    for name in [wanted] if wanted else usual(columns, SPLIT_NAMES):
        values = ["" if v is None else str(v).strip().lower() for v in columns[name]]
        unknown = sorted(set(values) - {"", *SUBSETS})
        if wanted and unknown:
            raise DataError(
                f"The column {wanted!r} of {path} has {', '.join(unknown[:5])}; expected "
                f"{', '.join(SUBSETS)}, or nothing for images that thawtune splits."
            )
        if not unknown and any(values):
            return name, [SUBSETS.get(value, "") for value in values]
    return None
