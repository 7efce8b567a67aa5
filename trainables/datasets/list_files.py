"""The text files of the `lists` format: which image is in which set."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import NamedTuple

from spaces.errors import DataError

_NAMES = {
    "train": ("train.txt",),
    "validation": ("validation.txt", "val.txt"),
    "test": ("test.txt",),
}


class ListedImage(NamedTuple):
    """One line.

    Attributes:
        path: As written, with forward slashes: `class/image_0001.jpg`.
        folder: Its class: the folder that the image is in.
        subset: "train", "validation" or "test".
    """

    path: str
    folder: str
    subset: str


def read_lists(root: Path) -> list[ListedImage]:
    """All lines of all lists in `root`, in their order.

    Raises:
        DataError: If a list is missing or is no text, if lines are no image paths, or if an image
            stands in two lines, whether of one list or of two: that would be leakage.
    """
    listed: list[ListedImage] = []
    problems: list[str] = []
    for subset, names in _NAMES.items():
        path = next((root / name for name in names if (root / name).is_file()), None)
        if path is not None:
            _read_list(path, subset, listed, problems)
        elif subset != "validation":
            raise DataError(
                f"{root} has no {names[0]}. Expected train.txt and test.txt with one line "
                "class/image_0001.jpg an image, beside the class folders."
            )
    problems += _listed_twice(listed)
    if problems:
        raise DataError("\n  ".join([f"The lists in {root} cannot be used:", *problems]))
    return listed


def _read_list(path: Path, subset: str, listed: list[ListedImage], problems: list[str]) -> None:
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path} cannot be read as text: {error}.") from error
    for number, line in enumerate(lines, 1):
        written = line.strip().replace("\\", "/")
        if not written:
            continue
        place = PurePosixPath(written)
        if place.is_absolute() or ".." in place.parts or len(place.parts) < 2 or "\0" in written:
            problems.append(
                f"{path.name} line {number} is {line.strip()!r}, expected class/image_0001.jpg"
            )
        else:
            listed.append(ListedImage(str(place), place.parent.name, subset))


def _listed_twice(listed: list[ListedImage]) -> list[str]:
    first: dict[str, str] = {}
    problems = []
    for image in listed:
        if image.path not in first:
            first[image.path] = image.subset
        elif first[image.path] == image.subset:
            problems.append(f"{image.path} is in the {image.subset} list twice")
        else:
            lists = f"the {first[image.path]} list and in the {image.subset} list"
            problems.append(f"{image.path} is in {lists}")
    return problems
