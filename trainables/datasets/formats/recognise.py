"""Recognising what lies at a path: the dataset section that reads it.

What is recognised: class folders, folders for each set, lists, tables beside images, Parquet, IDX,
CIFAR-10, folders of TFDS, a zip or tar of any of these, and a folder that has nothing but one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.archives import is_archive, refuse_other_archives, unpacked
from trainables.datasets.files.location import LAYOUTS, locate, located
from trainables.datasets.files.scanning import key_of, scan, subfolders
from trainables.datasets.formats import cifar10, idx, lists
from trainables.datasets.formats.class_folders import descend
from trainables.datasets.formats.parquet import files_in
from trainables.datasets.formats.parquet_file import holds_images
from trainables.datasets.formats.table import label_tables
from trainables.datasets.formats.tables.label_table import LabelTable
from trainables.datasets.formats.tables.table_file import is_table
from trainables.datasets.manifest.groups import matched
from trainables.datasets.manifest.names import SUBSETS

_READ = ("folders", "split_folders", "table", "parquet", "lists", "cifar10", "idx")


def recognise(path: str | Path) -> DatasetSection:
    """The dataset section for a folder, an archive or a table.

    Raises:
        DataError: If there is nothing, if it is nothing that can be read, or if it can be read in
            several ways; the message has the choices.
    """
    section = located(DatasetSection(format="folders", path=str(path)))
    place = locate(section)
    content = unpacked(place) if is_archive(place) else place
    refuse_other_archives(content)
    choices = list(_choices(content))
    if not choices:
        raise DataError(f"{place} {_why_nothing(content)}")
    if len(choices) > 1:
        raise DataError(_ambiguous(place, choices))
    keys, _ = choices[0]
    return DatasetSection.model_validate({"path": section.path, **keys})


Choice = tuple[dict[str, object], str]
"""Keys of a dataset section, and what speaks for it: the rest of a sentence."""


def _choices(content: Path) -> Iterator[Choice]:
    if content.is_file():
        yield from _file_choices(content)
        return
    if tfds := _tfds(content):
        yield tfds
    elif idx.holds(content):
        yield {"format": "idx"}, "has IDX files"
    elif cifar10.holds(content):
        yield {"format": "cifar10"}, "has CIFAR-10's batches"
    else:
        yield from _folder_choices(content)


def _file_choices(path: Path) -> Iterator[Choice]:
    if path.suffix.lower() == ".parquet" and holds_images(path):
        yield {"format": "parquet"}, "is Parquet with images"
    elif is_table(path.name):
        found = scan(path.parent, path.parent)
        try:
            label_tables(DatasetSection(format="table"), path, found)
            yield {"format": "table"}, "is a table"
        except DataError:
            label_tables(DatasetSection(format="table", follow_links=True), path, found)
            yield {"format": "table", "follow_links": True}, "is a table of images elsewhere"


def _folder_choices(content: Path) -> Iterator[Choice]:
    if any(holds_images(file) for file in files_in(content)[:1]):
        yield {"format": "parquet"}, "has Parquet files with images"
        return
    root = descend(content)
    if lists.holds(content):
        yield {"format": "lists"}, "has train.txt and test.txt"
        return
    sets = {SUBSETS.get(f.name.lower()): f for f in subfolders(root) if subfolders(f)}
    if "train" in sets and len(sets.keys() & {"validation", "test"}):
        yield {"format": "split_folders"}, "has folders of classes for each set"
        return
    yield from _tables_or_class_folders(content, root)


def _tables_or_class_folders(content: Path, root: Path) -> Iterator[Choice]:
    found = scan(content, content)
    classes = [f.name for f in subfolders(root) if any(i.is_relative_to(f) for i in found.images)]
    try:
        tables = label_tables(DatasetSection(format="table"), content, found)
    except DataError as error:
        if not classes and any(is_table(finding.name) for finding in found.ignored):
            raise error
        tables = []
    if tables and not _names_folders(tables, classes):
        names = ", ".join(key_of(table.path, content) for table in tables)
        yield {"format": "table"}, f"has labels in {names}"
        if all(table.label_is_clear for table in tables):
            return
    if len(classes) > 1:
        shown = ", ".join(classes[:5]) + (", …" if len(classes) > 5 else "")
        yield {"format": "folders"}, f"has the folders {shown} of images, which may be classes"


def _names_folders(tables: Sequence[LabelTable], classes: Sequence[str]) -> bool:
    """Whether the labels in the tables are the folders that the images are in."""
    rows = [
        (image, label)
        for table in tables
        for image, label in zip(table.images, table.labels, strict=True)
        if image and label
    ]
    return len(classes) > 1 and all(label in image.parts for image, label in rows)


def _tfds(content: Path) -> Choice | None:
    """The keys of a folder that TFDS prepared: of its data, a dataset, or one of its versions."""
    found = sorted(
        path.parent
        for depth in range(4)
        for path in content.glob("/".join(["*"] * depth + ["dataset_info.json"]))
        if (path.parent / "features.json").is_file()
    )
    if not found:
        return None
    path = found[-1] / "dataset_info.json"
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(about, dict):
            raise ValueError("it is not an object")
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}. Prepare the dataset again.") from error
    parts = [about.get(key) for key in ("name", "configName", "version")]
    name = "/".join(str(part) for part in parts[:2] if part)
    depth = sum(part is not None and part != "" for part in parts)
    folder = str(found[-1].parents[depth - 1])
    keys: dict[str, object] = {"format": "tfds", "name": name, "path": folder}
    return keys, f"was prepared by TFDS as {name}"


def _ambiguous(path: Path, choices: Sequence[Choice]) -> str:
    lines = [
        f"  {', '.join(f'{key}: {value}' for key, value in keys.items())}: it {reason}"
        for keys, reason in choices
    ]
    return "\n".join(
        [
            f"{path} can be read in {len(choices)} ways; say which in the dataset section of a "
            f"file, such as photos.yaml, and give it in place of the images:",
            *lines,
        ]
    )


def _why_nothing(content: Path) -> str:
    if content.is_file():
        what = "is a file that is no archive, no Parquet with images and no table of labels."
    else:
        found = scan(content, content)
        count = len(found.images)
        what = f"has {count:,} images, but nothing that tells their classes."
        if count and subfolders(content):
            what = f"has {count:,} images in one folder, and so only one class."
        what += _names_tell([image.name for image in found.images])
    return "\n".join([what + " What can be read:", *(f"  {LAYOUTS[form]}" for form in _READ)])


_NUMBERED = r"([^/0-9][^/]*?)[ ._-]*[0-9]+[.][^./]+$"
"""What stands before the number of a file."""
_LEAST_OF_NAME = 5
_NAMED = 5


def _names_tell(names: Sequence[str]) -> str:
    """How to take what stands before the numbers of files for their classes, if it may be that."""
    counts = Counter(matched(_NUMBERED, names))
    if None in counts or len(counts) < 2 or len(names) < _LEAST_OF_NAME * len(counts):
        return ""
    shown = ", ".join(f"{name} ({count})" for name, count in counts.most_common(_NAMED))
    more = f" and {len(counts) - _NAMED} more" if len(counts) > _NAMED else ""
    return (
        f" Names of files begin with {shown}{more}: if these are the classes, give a file, such as "
        "photos.yaml, in place of the images, with: "
        f"dataset: {{path: ..., label_pattern: '{_NUMBERED}'}}."
    )
