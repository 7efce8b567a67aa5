"""Image lists: `train.txt` and `test.txt` beside class folders, like Caltech-101's splits.

Each line is `class/image_0001.jpg`. The validation set is listed in `validation.txt` or `val.txt`;
without them it is taken from the training list.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.content_types import is_named_like_an_image
from trainables.datasets.files.scanning import Finding, key_of, natural, scan, subfolders
from trainables.datasets.manifest.image_files import ImageFile, file_index
from trainables.datasets.manifest.index import Index

_NAMES = {
    "train": ("train.txt",),
    "validation": ("validation.txt", "val.txt"),
    "test": ("test.txt",),
}


class ListedImage(NamedTuple):
    """A line of a list.

    Attributes:
        path: As written, with forward slashes: `class/image_0001.jpg`.
        folder: The image's folder, which is its class.
        subset: "train", "validation" or "test".
    """

    path: str
    folder: str
    subset: str


def read_lists(root: Path) -> list[ListedImage]:
    """All lines of all lists in `root`, in order.

    Raises:
        DataError: If a list is missing or is not text, if lines are not image paths, or if an image
            is listed twice, in one list or in two (which would be leakage).
    """
    listed: list[ListedImage] = []
    problems: list[str] = []
    for subset, names in _NAMES.items():
        path = next((root / name for name in names if (root / name).is_file()), None)
        if path is not None:
            _read_list(path, subset, listed, problems)
        elif subset != "validation":
            raise DataError(
                f"{root} has no {names[0]}. Expected train.txt and test.txt beside the class "
                "folders, with a line class/image_0001.jpg for each image."
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


def read_index(section: DatasetSection, path: Path) -> Index:
    """Index the images in the lists in `path`, or in its only folder.

    The class folders are beside the lists, or in one folder there, such as `101_ObjectCategories`.

    Raises:
        DataError: If a list is missing or wrong.
    """
    root = _content(path.resolve())
    listed = read_lists(root)
    kept = [image for image in listed if image.folder not in section.drop_classes]
    if not kept:
        raise DataError(f"The lists in {root} name no images.")
    base = _base(root, kept)
    files = [ImageFile(base / image.path, image.folder, image.subset) for image in kept]
    if not section.follow_links:
        _check_inside(files, root)
    classes = sorted({image.folder for image in kept if image.subset == "train"}, key=natural)
    _check_trained(kept, classes)
    ignored = _ignored(base, root, files, section)
    return file_index(root, files, classes, section, ignored=ignored)


def holds(path: Path) -> bool:
    """Whether a folder has train.txt and test.txt, and their lines are paths and no labels."""
    root = _content(path)
    lists = [root / names[0] for subset, names in _NAMES.items() if subset != "validation"]
    if not all(file.is_file() for file in lists):
        return False
    with lists[0].open(encoding="utf-8-sig", errors="replace") as file:
        return is_named_like_an_image(next(file, "").strip())


def _content(root: Path) -> Path:
    while not (root / "train.txt").is_file() and len(inside := subfolders(root)) == 1:
        root = inside[0]
    return root


def _base(root: Path, listed: Sequence[ListedImage]) -> Path:
    """The folder that the lines are relative to: the one with most of a sample of the images."""
    sample = listed[:: max(1, len(listed) // 100)]
    candidates = [root, *subfolders(root)]
    found = [sum((base / image.path).is_file() for image in sample) for base in candidates]
    if not max(found):
        raise DataError(
            f"None of the images that the lists in {root} name exists (such as "
            f"{listed[0].path}). Put the class folders beside the lists, or in one folder there."
        )
    return candidates[found.index(max(found))]


def _check_inside(files: Sequence[ImageFile], root: Path) -> None:
    outside = [
        f for f in files if f.path.is_symlink() and not f.path.resolve().is_relative_to(root)
    ]
    if outside:
        raise DataError(
            f"{key_of(outside[0].path, root)} is a link that leads out of the dataset"
            f"{f', and so are {len(outside) - 1} more' if len(outside) > 1 else ''}: put the "
            "images themselves there, or set follow_links: true in the study's dataset section."
        )


def _check_trained(listed: Sequence[ListedImage], classes: Sequence[str]) -> None:
    untrained = sorted({image.folder for image in listed} - set(classes), key=natural)
    if untrained:
        raise DataError(
            f"Another list has images of {', '.join(untrained)}, but train.txt has none to learn "
            "them from. Name them under drop_classes in the study, or list some."
        )


def _ignored(
    base: Path, root: Path, files: Sequence[ImageFile], section: DatasetSection
) -> list[Finding]:
    listed = {file.path for file in files}
    found: list[Finding] = []
    for folder in subfolders(base, section.follow_links):
        if folder.name in section.drop_classes:
            found.append(Finding(f"{key_of(folder, root)}/", "is dropped by the study"))
            continue
        seen = scan(folder, root, section.follow_links)
        found += seen.ignored
        found += [Finding(key_of(p, root), "is in no list") for p in seen.images if p not in listed]
    return found
