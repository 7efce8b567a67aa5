"""Class folders in folders for each set: `train/<class>/<image>`, `val/...`, perhaps `test/...`.

Folder names that are WordNet synsets get readable names; see `manifest.names`.
"""

from __future__ import annotations

from pathlib import Path

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.scanning import Finding, natural, subfolders
from trainables.datasets.formats.class_folders import ClassFolders, class_folders
from trainables.datasets.manifest.image_files import file_index
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.names import SUBSETS


def read_index(section: DatasetSection, path: Path) -> Index:
    """Index the sets in `path`, or in its only folder, as in archives.

    The classes are those of the training set.

    Raises:
        DataError: If there is no training set, two folders for a set, or a class without training
            images.
    """
    root = _content(path.resolve())
    folders = _set_folders(root)
    sets = {
        subset: class_folders(_classes_in(folders[subset]), root, section, subset)
        for subset in dict.fromkeys(SUBSETS.values())
        if subset in folders
    }
    train = sets["train"]
    without_images = frozenset(train.empty)
    classes = [name for name in train.names if name not in without_images]
    for subset, found in sets.items():
        _check_classes(subset, found, classes)
    files = [file for found in sets.values() for file in found.files]
    ignored = [finding for found in sets.values() for finding in found.ignored]
    others = [f for f in subfolders(root) if f.name.lower() not in SUBSETS]
    ignored += [Finding(f"{folder.name}/", "is not one of the sets") for folder in others]
    empty = sorted({name for f in sets.values() for name in f.names} - set(classes), key=natural)
    return file_index(root, files, classes, section, ignored=ignored, empty_classes=empty)


def _content(root: Path) -> Path:
    while "train" not in _kinds(root) and len(inside := subfolders(root)) == 1:
        root = inside[0]
    return root


def _classes_in(folder: Path) -> Path:
    """The folder with a set's class folders: some archives have seg_train/seg_train/<class>."""
    inside = subfolders(folder)
    same = len(inside) == 1 and inside[0].name.lower() == folder.name.lower()
    return inside[0] if same else folder


def _kinds(root: Path) -> list[str]:
    return [SUBSETS.get(folder.name.lower(), "") for folder in subfolders(root)]


def _set_folders(root: Path) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for folder in subfolders(root):
        subset = SUBSETS.get(folder.name.lower())
        if subset is None:
            continue
        if subset in found:
            raise DataError(
                f"{root} has two folders for the {subset} set: {found[subset].name} and "
                f"{folder.name}. Remove or rename one."
            )
        found[subset] = folder
    if "train" not in found:
        names = ", ".join(folder.name for folder in subfolders(root)) or "no folders"
        raise DataError(
            f"{root} has no folder train (it has {names}). Expected train/, val/ and perhaps "
            "test/, each with a folder for each class."
        )
    return found


def _check_classes(subset: str, found: ClassFolders, classes: list[str]) -> None:
    untrained = sorted({file.folder for file in found.files} - set(classes), key=natural)
    if untrained:
        raise DataError(
            f"The {subset} set has images of {', '.join(untrained)}, but the training set has none "
            "to learn them from. Add training images, or name the class under drop_classes in the "
            "study."
        )
