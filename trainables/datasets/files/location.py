"""Finding a dataset on this machine, and saying where to get it if it is missing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.archives import is_archive
from trainables.datasets.files.remote import as_url, local_copy
from trainables.datasets.files.scanning import entries, is_leftover

LAYOUTS = {
    "digits": "nothing: they come with scikit-learn",
    "folders": "a folder, or a zip or tar of one, with a folder of images for each class: "
    "tulip/1.jpg, rose/2.jpg, ...",
    "split_folders": "a folder, or a zip or tar of one, with train/, val/ and perhaps test/, each "
    "with a folder of images for each class: train/n01440764/1.JPEG, ...",
    "lists": "a folder, or a zip or tar of one, with train.txt and test.txt, whose lines are "
    "class/image_0001.jpg, and the class folders beside them or in one folder there, such as "
    "101_ObjectCategories/",
    "cifar10": "a folder with data_batch_1 to data_batch_5 and test_batch, of the Python version "
    "or (ending in .bin) of the binary version, or the archive cifar-10-binary.tar.gz or "
    "cifar-10-python.tar.gz as it is",
    "idx": "a folder with train-images-idx3-ubyte, train-labels-idx1-ubyte, "
    "t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte, plain or ending in .gz",
    "parquet": "a folder with train-*.parquet and perhaps validation-*.parquet and "
    "test-*.parquet, or one Parquet file, with an image and a label column",
    "table": "a folder, or a zip or tar of one, with images and a table beside them, or the table "
    "itself: CSV, TSV, JSON, JSON lines or Parquet, with a column of paths or names of images and "
    "a column of labels",
    "tfds": "a folder in which TFDS keeps its data",
}
"""The layout of each format: the rest of a sentence that begins with 'Expected'."""

SOURCES = {
    "household": "It is a collection of your own: some thousand photos of household objects in "
    "eight class folders.",
    "caltech101": "Get caltech-101.zip from CaltechDATA (doi:10.22002/D1.20086), unpack it, and "
    "put train.txt and test.txt of your split beside 101_ObjectCategories/.",
    "cifar10": "Get cifar-10-binary.tar.gz or cifar-10-python.tar.gz from Alex Krizhevsky's page "
    "at the University of Toronto (cs.toronto.edu/~kriz/cifar.html), or let Keras download it: "
    'python -c "import keras; keras.datasets.cifar10.load_data()".',
    "imagenette": "Get imagenette2.tgz, or a smaller one such as imagenette2-160.tgz, from fast.ai "
    "(github.com/fastai/imagenette).",
    "flowers": "Get Flowers Recognition from Kaggle, photos of tulips, dandelions, roses, "
    "sunflowers and daisies, or use class folders of your own.",
    "fashion_mnist": "On Debian and Ubuntu: apt install dataset-fashion-mnist. Elsewhere let Keras "
    'download it: python -c "import keras; keras.datasets.fashion_mnist.load_data()", or take the '
    "four files from github.com/zalandoresearch/fashion-mnist.",
}
"""Where to get each known dataset, in whole sentences."""


_ARCHIVES = (".zip", ".tar.gz", ".tgz", ".tar")
_TOLD = ("README", "README.md", "README.txt", "LICENSE", "LICENSE.txt")
_DEBIAN = Path("/usr/share/datasets")


def located(
    section: DatasetSection, name: str | None = None, data: str | Path | None = None
) -> DatasetSection:
    """The section with the dataset's absolute `path`, so that later readers find the same;
    or its URL.

    The section of a format without files (digits, TFDS in its default folder) is unchanged.

    Raises:
        DataError: As `locate`.
    """
    if section.format == "digits" and data is not None:
        raise DataError("The digits come with scikit-learn: there is nothing to read from --data.")
    if section.format == "digits" or (section.format == "tfds" and not (data or section.path)):
        return section
    url = as_url(data or section.path or "")
    return section.model_copy(update={"path": url or str(locate(section, name, data))})


def locate(
    section: DatasetSection, name: str | None = None, data: str | Path | None = None
) -> Path:
    """The dataset's folder, archive or file, absolute.

    Taken is the first of these that is given or exists: `data`; the study's `path`, relative to the
    working folder; the dataset's name in `$THAWTUNE_DATA`, as a folder or an archive; the folders
    where packages install it. A folder that contains one archive and nothing else stands for it.

    Args:
        name: The study's name, used if `section.name` is not set.
        data: The argument of `--data`: the dataset's own folder, archive or file, or its URL.

    Raises:
        DataError: If it does not exist; says where to get it and which layout is expected.
    """
    if url := as_url(data or section.path or ""):
        return _only_archive(local_copy(url))
    tried = []
    for path in _candidates(section, name, data):
        tried.append(path)
        if path.exists():
            return _resolved(_only_archive(path))
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


def _resolved(path: Path) -> Path:
    """Absolute, with links followed; but a file keeps its own name, which says what it is."""
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def _only_archive(path: Path) -> Path:
    """The archive in a folder that has nothing else, except what its link stands for."""
    if not path.is_dir():
        return path
    inside = [Path(entry.path) for entry in entries(path) if not is_leftover(entry.name)]
    archives = [file for file in inside if is_archive(file)]
    if len(archives) != 1:
        return path
    target = archives[0].resolve()
    rest = [other for other in inside if other not in archives and other.name not in _TOLD]
    is_all = all(target.is_relative_to(other.resolve()) for other in rest)
    return archives[0] if is_all else path


def _not_found(section: DatasetSection, name: str | None, tried: list[Path]) -> str:
    known = next(iter(_names(section, name)), "the dataset")
    if tried:
        where = f"{known} is not at {' nor at '.join(map(str, _shortest(tried)))}"
    else:
        where = f"The study does not say where {known} is"
    source = SOURCES.get(known.lower().replace("-", "_"), "")
    return (
        f"{where}. {source}{' ' if source else ''}Expected {LAYOUTS[section.format]}. Give its "
        "path with --data or as dataset.path in the study, or put it into the folder that "
        f"THAWTUNE_DATA names, as {known}/ or {known}.zip."
    )


def _shortest(tried: list[Path]) -> list[Path]:
    """The paths without archives, unless there are only archives: for a short sentence."""
    return [path for path in tried if not is_archive(path)] or tried
