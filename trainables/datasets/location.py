"""Where a dataset is on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from spaces.dataset import DatasetSection
from spaces.errors import DataError
from trainables.datasets.archives import is_archive
from trainables.datasets.scanning import entries, is_leftover
from trainables.datasets.sources import LAYOUTS, SOURCES

_ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")
_DEBIAN = Path("/usr/share/datasets")


def located(
    section: DatasetSection, name: str | None = None, data: str | Path | None = None
) -> DatasetSection:
    """The section with `path` set to where the dataset is, so that later readers find the same.

    Formats without files, digits and TFDS without a folder of its own, come back as they are.

    Raises:
        DataError: As `locate`.
    """
    if section.format == "digits" and data is not None:
        raise DataError("The digits come with scikit-learn: there is nothing to read from --data.")
    if section.format == "digits" or (section.format == "tfds" and not (data or section.path)):
        return section
    return section.model_copy(update={"path": str(locate(section, name, data))})


def locate(
    section: DatasetSection, name: str | None = None, data: str | Path | None = None
) -> Path:
    """The dataset's folder, archive or file, absolute.

    `data` decides; without it the study's `path`, relative to the working folder; without that the
    dataset's name in `$THAWTUNE_DATA`, as a folder or an archive; last, where packages are known
    to put it. A folder with nothing but one archive in it stands for that archive.

    Args:
        name: The study's name; `section.name` comes before it.
        data: What was given as `--data`: the dataset's own folder, archive or file.

    Raises:
        DataError: If it is not there, with where to get it and how its folder has to look.
    """
    tried = []
    for path in _candidates(section, name, data):
        tried.append(path)
        if path.exists():
            return _only_archive(path).resolve()
    if section.format == "tfds" and tried:
        return tried[0].resolve()  # TFDS makes the folder
    raise DataError(_not_found(section, name, tried))


def _candidates(
    section: DatasetSection, name: str | None, data: str | Path | None
) -> Iterator[Path]:
    given = data or section.path
    if given:
        yield Path(given).expanduser()
        return
    root = os.environ.get("THAWTUNE_DATA")
    for known in _names(section, name):
        for spelling in dict.fromkeys((known, known.replace("_", "-"))):
            if root:
                folder = Path(root).expanduser() / spelling
                yield folder
                yield from (folder.with_name(spelling + ending) for ending in _ARCHIVES)
    for known in _names(section, name):
        yield from _places_of_packages(known)


def _names(section: DatasetSection, name: str | None) -> list[str]:
    names = (section.name, name, section.format if section.format == "cifar10" else None)
    return list(dict.fromkeys(known for known in names if known))


def _places_of_packages(name: str) -> list[Path]:
    keras = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "datasets"
    match name.lower().replace("-", "_"):
        case "fashion_mnist":
            return [_DEBIAN / "fashion-mnist", keras / "fashion-mnist"]
        case "cifar10":
            unpacked = keras / "cifar-10-batches-py"
            return [keras / "cifar-10-batches-py-target" / unpacked.name, unpacked]
    return []


def _only_archive(path: Path) -> Path:
    if not path.is_dir():
        return path
    inside = [Path(entry.path) for entry in entries(path) if not is_leftover(entry.name)]
    return inside[0] if len(inside) == 1 and is_archive(inside[0]) else path


def _not_found(section: DatasetSection, name: str | None, tried: list[Path]) -> str:
    known = next(iter(_names(section, name)), "the dataset")
    if tried:
        where = f"{known} is not at {' nor at '.join(map(str, _shortest(tried)))}"
    else:
        where = f"It is not said where {known} is"
    source = SOURCES.get(known.lower().replace("-", "_"), "")
    return (
        f"{where}. {source}{' ' if source else ''}Expected {LAYOUTS[section.format]}. Say where it "
        "is with --data, as dataset.path in the study, or put it into the folder that "
        f"THAWTUNE_DATA names, as {known}/ or {known}.zip."
    )


def _shortest(tried: list[Path]) -> list[Path]:
    """Without the archives, which would make the sentence long."""
    return [path for path in tried if not is_archive(path)] or tried
