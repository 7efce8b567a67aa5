"""Class folders: a folder of images for each class."""

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
    """The class folders in a folder.

    Attributes:
        names: Folder names in natural order, including those of empty folders.
        files: Every image.
        ignored: Files that are left out.
    """

    names: tuple[str, ...]
    files: tuple[ImageFile, ...]
    ignored: tuple[Finding, ...]

    @property
    def empty(self) -> tuple[str, ...]:
        """Folders without images."""
        full = {file.folder for file in self.files}
        return tuple(name for name in self.names if name not in full)


def class_folders(
    folder: Path, root: Path, dropped: Collection[str], subset: str = ""
) -> ClassFolders:
    """Scan the class folders in `folder`.

    Args:
        folder: The folder with the class folders.
        root: The dataset's folder, resolved; ignored paths are relative to it.
        dropped: Names of folders that are not classes.
        subset: The set that all of them belong to.
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
    """The first folder with several subfolders: archives often have one around everything."""
    while len(inside := subfolders(root)) == 1 and subfolders(inside[0]):
        root = inside[0]
    return root


def _beside(folder: Path, root: Path) -> list[Finding]:
    """Files beside the class folders, which are in no class."""
    found = []
    for entry in entries(folder):
        key = key_of(Path(entry.path), root)
        if is_leftover(entry.name):
            found.append(Finding(key, "is hidden or left behind by a system"))
        elif not entry.is_dir(follow_symlinks=False):
            linked = entry.is_dir()
            found.append(
                Finding(key, "is a link to a folder" if linked else "is in no class folder")
            )
    return found


def read_index(section: DatasetSection, path: Path) -> Index:
    """Index the class folders in `path`, or in its only folder, as in archives.

    A folder without images is not a class; the index lists these folders.

    Raises:
        DataError: If the folders are sets instead of classes.
    """
    root = descend(path.resolve())
    found = class_folders(root, root, section.drop_classes)
    if found.names and all(name.lower() in SUBSETS for name in found.names):
        raise DataError(
            f"{root} has the folders {', '.join(found.names)}, which are sets instead of "
            "classes: set format: split_folders in the study."
        )
    classes = [name for name in found.names if name not in found.empty]
    return file_index(
        root, found.files, classes, section, ignored=found.ignored, empty_classes=found.empty
    )
