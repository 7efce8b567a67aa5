"""Images of the class folders beneath one folder: what `folders` and `split_folders` share."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from spaces.dataset import DatasetSection
from spaces.errors import DataError
from trainables.datasets.files.scanning import (
    Finding,
    entries,
    is_leftover,
    key_of,
    scan,
    subfolders,
)
from trainables.datasets.manifest.image_files import ImageFile, file_index
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.names import SUBSETS


@dataclass(frozen=True)
class ClassFolders:
    """What was found.

    Attributes:
        names: Folder names, in natural order, those without an image as well.
        files: Every image.
        ignored: What was left out.
    """

    names: tuple[str, ...]
    files: tuple[ImageFile, ...]
    ignored: tuple[Finding, ...]

    @property
    def empty(self) -> tuple[str, ...]:
        """Folders without an image."""
        full = {file.folder for file in self.files}
        return tuple(name for name in self.names if name not in full)


def class_folders(
    folder: Path, root: Path, dropped: Collection[str], subset: str = ""
) -> ClassFolders:
    """Look through the class folders in `folder`.

    Args:
        root: What ignored paths are relative to; resolved.
        dropped: Folder names that are no classes.
        subset: Set that all of them belong to.
    """
    names: list[str] = []
    files: list[ImageFile] = []
    ignored = _beside(folder, root)
    for inside in subfolders(folder):
        if inside.name in dropped:
            ignored.append(Finding(f"{key_of(inside, root)}/", "is dropped by the study"))
            continue
        found = scan(inside, root)
        names.append(inside.name)
        files += [ImageFile(image, inside.name, subset) for image in found.images]
        ignored += found.ignored
    return ClassFolders(tuple(names), tuple(files), tuple(ignored))


def descend(root: Path) -> Path:
    """Down to where there is more than one folder: archives often have one around everything."""
    while len(inside := subfolders(root)) == 1 and subfolders(inside[0]):
        root = inside[0]
    return root


def _beside(folder: Path, root: Path) -> list[Finding]:
    """What lies beside the class folders, in no class."""
    found = []
    for entry in entries(folder):
        key = key_of(Path(entry.path), root)
        if is_leftover(entry.name):
            found.append(Finding(key, "is hidden or left behind by a system"))
        elif not entry.is_dir(follow_symlinks=False):
            linked = entry.is_dir()
            found.append(
                Finding(key, "is a link to a folder" if linked else "lies in no class folder")
            )
    return found


def read_index(section: DatasetSection, path: Path) -> Index:
    """Images of the class folders in `path`, or in the only folder in it, as archives have it.

    A folder without images is no class; the index says which there were.

    Raises:
        DataError: If the folders are sets and not classes.
    """
    root = descend(path.resolve())
    found = class_folders(root, root, section.drop_classes)
    if found.names and all(name.lower() in SUBSETS for name in found.names):
        raise DataError(
            f"{root} has the folders {', '.join(found.names)}, which are sets and not classes: "
            "say format: split_folders in the study."
        )
    classes = [name for name in found.names if name not in found.empty]
    return file_index(
        root, found.files, classes, section, ignored=found.ignored, empty_classes=found.empty
    )
