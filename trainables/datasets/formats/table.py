"""Labels in a table beside the images: CSV, TSV, JSON, JSON lines or Parquet.

The table is the dataset's path, or lies in its folder or in a folder there. Tables that are named
after sets, such as train.csv and test.csv, are published sets; so are the values of a column such
as `split`. Several 0/1 columns, one for each class, are read as one label. Columns are found by
their content and their usual names, or named in the study.
"""

from __future__ import annotations

from pathlib import Path

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.scanning import Finding, Scan, entries, is_leftover, key_of
from trainables.datasets.files.scanning import scan as scan_folder
from trainables.datasets.formats.tables.columns import in_order
from trainables.datasets.formats.tables.image_finder import ImageFinder, outside
from trainables.datasets.formats.tables.label_table import LabelTable, read_label_table, set_named
from trainables.datasets.formats.tables.table_file import is_table
from trainables.datasets.manifest.image_files import ImageFile, file_index
from trainables.datasets.manifest.index import Index

_NAMED = 10


def read_index(section: DatasetSection, path: Path) -> Index:
    """Index the images that the tables in `path`, a folder or a table, give a label.

    Raises:
        DataError: If there is no such table, if columns are not clear, or if rows contradict each
            other or name images that are not there.
    """
    root = (path if path.is_dir() else path.parent).resolve()
    found = scan_folder(root, root, section.follow_links)
    tables = label_tables(section, path, found)
    files: dict[Path, ImageFile] = {}
    left_out: list[Finding] = []
    problems: list[str] = []
    for table in tables:
        _add(table, section, root, files, left_out, problems)
    if problems:
        more = [f"and {len(problems) - _NAMED:,} more"] if len(problems) > _NAMED else []
        raise DataError("\n  ".join(["The table cannot be used:", *problems[:_NAMED], *more]))
    names = {key_of(table.path, root) for table in tables}
    left_out += [finding for finding in found.ignored if finding.name not in names]
    left_out += [
        Finding(key_of(image, root), "is in no row of the table")
        for image in found.images
        if image not in files
    ]
    classes = in_order(file.folder for file in files.values())
    return file_index(root, list(files.values()), classes, section, ignored=left_out)


def label_tables(section: DatasetSection, path: Path, found: Scan) -> list[LabelTable]:
    """The tables in a folder that give its images labels.

    Args:
        path: The table, or a folder that has it.
        found: All images in the folder.

    Raises:
        DataError: If there is none, or if it cannot be told which one is meant.
    """
    root = (path if path.is_dir() else path.parent).resolve()
    finder = ImageFinder(found.images, root, section.follow_links)
    if path.is_file():
        return [read_label_table(section, root / path.name, root, finder)]
    files = _table_files(root)
    if section.table is not None:
        files = [file for file in files if key_of(file, root) == section.table]
        if not files:
            raise DataError(f"{root} has no table {section.table!r}: change table in the study.")
    tables, problems = [], []
    for file in files:
        try:
            tables.append(read_label_table(section, file, root, finder))
        except DataError as error:
            problems.append(str(error))
    if not tables:
        raise DataError(
            "\n".join(problems)
            or f"{root} has no table. Expected a CSV, TSV, JSON, JSON lines or Parquet file with a "
            "column of images and a column of labels."
        )
    if len(tables) > 1 and any(set_named(table.path, root) is None for table in tables):
        names = [key_of(table.path, root) for table in tables]
        raise DataError(
            f"{root} has several tables of labels: {', '.join(names)}. Name one in the study, such "
            f"as table: {names[0]}, or give its path."
        )
    return tables


def _table_files(root: Path) -> list[Path]:
    """Tables in a folder and in the folders in it; no sample of a submission."""
    found: list[Path] = []
    for entry in entries(root):
        inside = [entry]
        if entry.is_dir(follow_symlinks=False) and not is_leftover(entry.name):
            inside = entries(Path(entry.path))
        found += [Path(e.path) for e in inside if _is_candidate(e.name) and Path(e.path).is_file()]
    return found


def _is_candidate(name: str) -> bool:
    return is_table(name) and not is_leftover(name) and "submission" not in name.lower()


def _add(
    table: LabelTable,
    section: DatasetSection,
    root: Path,
    files: dict[Path, ImageFile],
    left_out: list[Finding],
    problems: list[str],
) -> None:
    """Add a table's images; a problem is a missing image, or one with two labels or sets."""
    name = key_of(table.path, root)
    rows = zip(table.written, table.images, table.labels, table.sets, table.groups, strict=True)
    unlabelled = 0
    for number, (written, image, label, subset, group) in enumerate(rows, 1):
        if label is None:
            unlabelled += 1
        elif image is None:
            where = "is not there"
            if outside(written, root):
                where = "is outside of the dataset: set follow_links: true in the study's dataset"
            problem = f"row {number} of {name} names {written!r}, which {where}"
            if section.skip_bad:
                left_out.append(Finding(f"{name} row {number}", f"names {written!r}, not there"))
            else:
                problems.append(problem)
        elif label not in section.drop_classes:
            new = ImageFile(image, label, subset, group)
            if files.setdefault(image, new) != new:
                problems.append(
                    f"row {number} of {name} gives {written!r} another label, set or group "
                    f"({label}) than an earlier row ({files[image].folder})"
                )
    if unlabelled:
        left_out.append(Finding(name, f"has {unlabelled:,} rows without a label"))
