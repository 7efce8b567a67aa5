"""Class folders: `<class>/**/<image>`. The dataset publishes no sets."""

from __future__ import annotations

from pathlib import Path

from spaces.dataset import DatasetSection
from spaces.errors import DataError
from trainables.datasets.class_folders import class_folders, descend
from trainables.datasets.files import file_index
from trainables.datasets.index import Index
from trainables.datasets.subsets import SUBSETS


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
