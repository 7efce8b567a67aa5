"""Class folders: a folder of images for each class."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.scanning import (
    LINK_TO_FOLDER,
    Finding,
    entries,
    is_leftover,
    key_of,
    natural,
    readable_name,
    scan,
    subfolders,
)
from trainables.datasets.manifest.groups import everyone, matched
from trainables.datasets.manifest.image_files import ImageFile, file_index
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.names import SUBSETS


@dataclass(frozen=True)
class ClassFolders:
    """The class folders in a folder.

    Attributes:
        names: Folder names in natural order, including those of empty folders.
        files: Every image.
        ignored: Files that are left out.
    """

    names: tuple[str, ...]
    files: tuple[ImageFile, ...]
    ignored: tuple[Finding, ...]

    @cached_property
    def empty(self) -> tuple[str, ...]:
        """Folders without images."""
        full = {file.folder for file in self.files}
        return tuple(name for name in self.names if name not in full)


def class_folders(
    folder: Path, root: Path, section: DatasetSection, subset: str = ""
) -> ClassFolders:
    """Scan the class folders in `folder`.

    Args:
        folder: The folder with the class folders.
        root: The dataset's folder, resolved; ignored paths are relative to it.
        section: Which folders are no classes, and whether links are followed.
        subset: The set that all of them belong to.
    """
    names: list[str] = []
    files: list[ImageFile] = []
    ignored = _beside(folder, root, section.follow_links)
    dropped = frozenset(section.drop_classes)
    for inside in subfolders(folder, section.follow_links):
        name = readable_name(inside.name)
        if name in dropped:
            ignored.append(Finding(f"{key_of(inside, root)}/", "is dropped by the study"))
            continue
        found = scan(inside, root, section.follow_links)
        names.append(name)
        files += [ImageFile(image, name, subset) for image in found.images]
        ignored += found.ignored
    return ClassFolders(tuple(names), tuple(files), tuple(ignored))


def descend(root: Path) -> Path:
    """The first folder with several subfolders: archives often have one around everything."""
    while len(inside := subfolders(root)) == 1 and subfolders(inside[0]):
        root = inside[0]
    return root


def _beside(folder: Path, root: Path, follow_links: bool) -> list[Finding]:
    """Files beside the class folders, which are in no class."""
    found = []
    for entry in entries(folder):
        key = key_of(Path(entry.path), root)
        if is_leftover(entry.name):
            found.append(Finding(key, "is hidden or left behind by a system"))
        elif not entry.is_dir(follow_symlinks=follow_links):
            linked = entry.is_dir()
            found.append(Finding(key, LINK_TO_FOLDER if linked else "is in no class folder"))
    return found


def read_index(section: DatasetSection, path: Path) -> Index:
    """Index the class folders in `path`, or in its only folder, as in archives.

    A folder without images is not a class; the index lists these folders.

    Raises:
        DataError: If the folders are sets instead of classes.
    """
    if section.label_pattern is not None:
        return _by_file_names(section, path.resolve(), section.label_pattern)
    root = descend(path.resolve())
    found = class_folders(root, root, section)
    if problem := _sets_not_classes(root, found):
        raise DataError(problem)
    empty = frozenset(found.empty)
    classes = [name for name in found.names if name not in empty]
    return file_index(
        root, found.files, classes, section, ignored=found.ignored, empty_classes=found.empty
    )


def _by_file_names(section: DatasetSection, root: Path, pattern: str) -> Index:
    """Index images whose names tell their classes, in whatever folders they are."""
    found = scan(root, root, section.follow_links)
    keys = [key_of(image, root) for image in found.images]
    what = f"a match of the pattern {pattern!r}"
    labels = everyone("class", keys, matched(pattern, keys), what, "label_pattern")
    dropped = frozenset(section.drop_classes)
    files = [ImageFile(*each) for each in zip(found.images, labels, strict=True)]
    ignored = [
        Finding(key_of(file.path, root), "is dropped by the study")
        for file in files
        if file.folder in dropped
    ]
    return file_index(
        root,
        [file for file in files if file.folder not in dropped],
        sorted(set(labels) - dropped, key=natural),
        section,
        ignored=[*found.ignored, *ignored],
    )


_PART = re.compile(r"(k?_?folds?|splits?|parts?|batch|cv|set|sets?)[ _-]*\d+\Z", re.IGNORECASE)


def _sets_not_classes(root: Path, found: ClassFolders) -> str | None:
    """Why the folders must be sets or folds: by their names, or as they have the same classes."""
    if found.names and all(name.lower() in SUBSETS for name in found.names):
        return (
            f"{root} has the folders {', '.join(found.names)}, which are sets instead of "
            "classes: set format: split_folders in the study."
        )
    inside: dict[str, set[str]] = {name: set() for name in found.names}
    for file in found.files:
        parts = file.path.relative_to(root).parts
        if len(parts) > 2:
            inside[file.folder].add(parts[1])
    common = set.intersection(*inside.values()) if inside else set()
    sets = [name for name in found.names if name.lower() in SUBSETS]
    parts_alike = all(_PART.match(name) for name in found.names)
    if len(found.names) < 2 or len(common) < 2 or not (sets or parts_alike):
        return None
    names, classes = ", ".join(found.names), ", ".join(sorted(common, key=natural)[:10])
    remedy = (
        f"Set format: split_folders in the study, which leaves out what is no set, or put the "
        f"images of {', '.join(n for n in found.names if n not in sets)} into one of the sets."
        if sets
        else f"Put the images of each class into one folder ({classes}); to keep those of each "
        "part together, add its name to theirs and set group: {pattern: ...} in the study."
    )
    return (
        f"{root} has the folders {names}, and each of them has {classes} inside: they are sets of "
        f"images instead of classes. {remedy}"
    )
