"""IDX files, the format of MNIST and Fashion-MNIST: four files, plain or compressed with gzip.

They are `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, and the same with `t10k` for the test
set. Classes are numbers in the files; names come from the study's `class_names`, or are those of
Fashion-MNIST if the dataset or its folder has that name. The sets are as published.

Source: http://yann.lecun.com/exdb/mnist/ (the format, at the end of the page).
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.scanning import entries, subfolders
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.names import FASHION_MNIST, readable
from trainables.datasets.manifest.plain_pixels import plain_index

_FILE = re.compile(r"(train|t10k)[-.](images|labels)[-.]idx[13][-.]ubyte(\.gz)?\Z")
_BYTES, _LARGEST = 0x08, 2**32


def read_index(section: DatasetSection, path: Path) -> Index:
    """Index the four files in `path`, or in its only folder.

    Raises:
        DataError: If one of them is missing or damaged.
    """
    root = _content(path.resolve())
    found = _files(root)
    train, train_labels = _read_set(found, root, "train")
    test, test_labels = _read_set(found, root, "t10k")
    if train.shape[1:] != test.shape[1:]:
        raise DataError(
            f"The images in {root} have different sizes in the training set ({train.shape[1:]}) "
            f"and in the test set ({test.shape[1:]})."
        )
    labels = np.concatenate([train_labels, test_labels]).astype(np.int32)
    return plain_index(
        np.concatenate([train, test]),
        labels,
        _class_names(section, root, labels),
        tuple(f"train/{n:05d}" for n in range(len(train)))
        + tuple(f"test/{n:05d}" for n in range(len(test))),
        ("train",) * len(train) + ("test",) * len(test),
    )


def holds(path: Path) -> bool:
    """Whether a folder has IDX files as MNIST does."""
    return len(_files(_content(path))) > 1


def _content(root: Path) -> Path:
    while not _files(root) and len(inside := subfolders(root)) == 1:
        root = inside[0]
    return root


def _files(root: Path) -> dict[tuple[str, str], Path]:
    found: dict[tuple[str, str], Path] = {}
    for entry in entries(root):
        if match := _FILE.match(entry.name):
            found.setdefault((match[1], match[2]), Path(entry.path))
    return found


def _read_set(
    found: dict[tuple[str, str], Path], root: Path, subset: str
) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (images, height, width) and labels uint8 (images,)."""
    arrays = []
    for kind, dimensions in (("images", 3), ("labels", 1)):
        if (subset, kind) not in found:
            name = f"{subset}-{kind}-idx{dimensions}-ubyte"
            raise DataError(f"{root} has no {name} and no {name}.gz.")
        arrays.append(read_array(found[subset, kind], dimensions))
    images, labels = arrays
    if len(images) != len(labels):
        raise DataError(
            f"{found[subset, 'labels']} has {len(labels):,} labels for {len(images):,} images."
        )
    return images, labels


def read_array(path: Path, dimensions: int) -> np.ndarray:
    """Read an IDX file of bytes, plain or gzip: a uint8 array with this number of dimensions.

    Raises:
        DataError: If the file is damaged or holds something else.
    """
    try:
        with _opened(path) as file:
            shape = _shape(file, path, dimensions)
            size = math.prod(shape)
            raw = file.read(size + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}. It is damaged; get it again.") from error
    if len(raw) != size:
        has = "more" if len(raw) > size else f"{len(raw):,}"
        raise DataError(
            f"{path} claims {'×'.join(map(str, shape))} bytes but has {has}: it is damaged; "
            "get it again."
        )
    return np.frombuffer(raw, np.uint8).reshape(shape)


def _opened(path: Path) -> BinaryIO:
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _shape(file: BinaryIO, path: Path, dimensions: int) -> tuple[int, ...]:
    header = file.read(4 + 4 * dimensions)
    if len(header) < 4 + 4 * dimensions or header[:4] != bytes((0, 0, _BYTES, dimensions)):
        raise DataError(
            f"{path} is not an IDX file of bytes with {dimensions} dimensions: it begins with "
            f"{header[:4].hex(' ') or 'nothing'}, expected 00 00 08 {dimensions:02x}."
        )
    shape = tuple(int.from_bytes(header[i : i + 4]) for i in range(4, len(header), 4))
    if math.prod(shape) > _LARGEST:
        raise DataError(f"{path} claims {math.prod(shape):,} bytes: it is damaged.")
    return shape


def _class_names(section: DatasetSection, root: Path, labels: np.ndarray) -> tuple[str, ...]:
    numbers = [str(label) for label in range(int(labels.max(initial=-1)) + 1)]
    is_fashion = any("fashion" in name.lower() for name in (section.name or "", root.name))
    if is_fashion and len(numbers) == len(FASHION_MNIST):
        return readable(
            numbers, dict(zip(numbers, FASHION_MNIST, strict=True)) | section.class_names
        )
    return readable(numbers, section.class_names)
