"""Groups of images that stay together in one set: by folder, by pattern or by column."""

from __future__ import annotations

import re
from collections.abc import Sequence

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection

_NAMED = 5


def groups_of(
    section: DatasetSection, keys: Sequence[str], columns: Sequence[str]
) -> tuple[str, ...] | None:
    """The group of each image as the study's `group` defines it; None without one.

    Args:
        section: Has the rule.
        keys: Of the images, such as rose/plant_7/1.jpg.
        columns: Value of the column that the rule names, or "".

    Raises:
        DataError: If an image has no group.
    """
    rule = section.group
    if rule is None:
        return None
    if rule.column is not None:
        found: list[str | None] = [value or None for value in columns]
        what = f"a value in the column {rule.column!r}"
    elif rule.pattern is not None:
        found = matched(rule.pattern, keys)
        what = f"a match of the pattern {rule.pattern!r}"
    else:
        found = [_folder(key, rule.folder or 1) for key in keys]
        what = f"a folder at level {rule.folder}"
    return everyone("group", keys, found, what, "group")


def matched(pattern: str, keys: Sequence[str]) -> list[str | None]:
    """What a pattern's first parentheses match in each key, or without any, what it matches."""
    found = [re.search(pattern, key) for key in keys]
    return [(m and (m[1] if m.re.groups else m[0])) or None for m in found]


def everyone(
    name: str, keys: Sequence[str], found: Sequence[str | None], what: str, key: str
) -> tuple[str, ...]:
    """What was found for each image.

    Args:
        name: Of what was looked for, such as group.
        keys: Of the images.
        found: For each of them, or None.
        what: What the others have.
        key: Of the dataset section, by which it was looked for.

    Raises:
        DataError: If an image has none.
    """
    missing = [key for key, value in zip(keys, found, strict=True) if value is None]
    if missing:
        more = f" and {len(missing) - _NAMED:,} more" if len(missing) > _NAMED else ""
        raise DataError(
            f"{len(missing):,} of {len(keys):,} images have no {name}: "
            f"{', '.join(missing[:_NAMED])}{more} without {what}. Change {key} in the study's "
            "dataset section."
        )
    return tuple(str(value) for value in found)


def _folder(key: str, level: int) -> str | None:
    folders = key.split("/")[:-1]
    place = level - 1 if level > 0 else level
    return folders[place] if -len(folders) <= place < len(folders) else None
