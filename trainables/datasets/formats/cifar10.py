"""CIFAR-10 in its author's binary or Python version.

Binary: `data_batch_1.bin` to `_5.bin`, `test_batch.bin` and `batches.meta.txt`; an image is one
byte of label and 3,072 bytes of pixels (1,024 each of red, green and blue). Python: `data_batch_1`
to `_5` and `test_batch`, pickled; `array_pickle` reads them without running code of theirs.
Training and test set are as published.

Source: https://www.cs.toronto.edu/~kriz/cifar.html
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.scanning import entries, subfolders
from trainables.datasets.formats.array_pickle import load
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.names import readable
from trainables.datasets.manifest.plain_pixels import plain_index

_PIXELS = 3 * 32 * 32
_BATCHES = (*((f"data_batch_{number}", "train") for number in range(1, 6)), ("test_batch", "test"))
_CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)

Batch = tuple[np.ndarray, np.ndarray]
"""Pixels uint8 (images, 3072), channel by channel, and labels int32 (images,)."""


def read_index(section: DatasetSection, path: Path) -> Index:
    """Index all batches in `path`, or in its only folder, as in the archives.

    Raises:
        DataError: If a batch is missing or damaged.
    """
    root = _content(path.resolve())
    suffix = ".bin" if (root / "test_batch.bin").is_file() else ""
    read_batch = _read_binary if suffix else _read_pickled
    batches = [read_batch(_batch_file(root, name + suffix)) for name, _ in _BATCHES]
    pixels = np.concatenate([pixels for pixels, _ in batches])
    subsets = [
        subset for (_, subset), batch in zip(_BATCHES, batches, strict=True) for _ in batch[1]
    ]
    keys = [
        f"{name}/{number:05d}"
        for (name, _), batch in zip(_BATCHES, batches, strict=True)
        for number in range(len(batch[1]))
    ]
    return plain_index(
        np.ascontiguousarray(pixels.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)),
        np.concatenate([labels for _, labels in batches]),
        readable(_class_names(root), section.class_names),
        tuple(keys),
        tuple(subsets),
    )


def holds(path: Path) -> bool:
    """Whether a folder has CIFAR-10's batches."""
    return _is_root(_content(path))


def _content(root: Path) -> Path:
    while not _is_root(root) and len(inside := subfolders(root)) == 1:
        root = inside[0]
    return root


def _is_root(folder: Path) -> bool:
    return any((folder / name).is_file() for name in ("test_batch.bin", "test_batch"))


def _batch_file(root: Path, name: str) -> Path:
    if not (root / name).is_file():
        has = ", ".join(entry.name for entry in entries(root)) or "nothing"
        raise DataError(
            f"{root} has no {name} (it has {has}). Expected data_batch_1 to data_batch_5 and "
            "test_batch, all of the Python version or, ending in .bin, of the binary version."
        )
    return root / name


def _read_binary(path: Path) -> Batch:
    raw = np.fromfile(path, np.uint8)
    if not len(raw) or len(raw) % (1 + _PIXELS):
        raise DataError(
            f"{path} has {len(raw):,} bytes, expected a multiple of {1 + _PIXELS:,}, one label and "
            f"{_PIXELS:,} pixels an image: it is truncated or not a CIFAR-10 batch."
        )
    rows = raw.reshape(-1, 1 + _PIXELS)
    return rows[:, 1:], rows[:, 0].astype(np.int32)


def _read_pickled(path: Path) -> Batch:
    batch = load(path)
    if not isinstance(batch, dict):
        raise DataError(f"{path} holds a {type(batch).__name__}, expected a CIFAR-10 batch.")
    # Python 3 reads the keys that Python 2 wrote as bytes; re-pickled copies have text.
    by_name = {
        key.decode("latin-1") if isinstance(key, bytes) else key: batch[key] for key in batch
    }
    pixels, labels = by_name.get("data"), np.asarray(by_name.get("labels", []))
    if not isinstance(pixels, np.ndarray) or pixels.dtype != np.uint8 or pixels.ndim != 2:
        raise DataError(f"{path} has no array 'data' of bytes with a row for each image.")
    if (
        pixels.shape[1] != _PIXELS
        or labels.shape != pixels.shape[:1]
        or labels.dtype.kind not in "iu"
    ):
        raise DataError(
            f"{path} has data of shape {pixels.shape} and labels of shape {labels.shape}, expected "
            f"(images, {_PIXELS}) and (images,)."
        )
    return pixels, labels.astype(np.int32)


def _class_names(root: Path) -> Sequence[str]:
    """Names from `batches.meta.txt` or `batches.meta`, else the known ones."""
    if (root / "batches.meta.txt").is_file():
        lines = (
            (root / "batches.meta.txt").read_text(encoding="utf-8", errors="replace").split("\n")
        )
        return [line.strip() for line in lines if line.strip()]
    if not (root / "batches.meta").is_file():
        return _CLASSES
    meta = load(root / "batches.meta")
    names = meta.get(b"label_names", meta.get("label_names")) if isinstance(meta, dict) else None
    if not isinstance(names, list) or not all(isinstance(name, bytes | str) for name in names):
        raise DataError(f"{root / 'batches.meta'} has no list 'label_names'.")
    return [name.decode("utf-8") if isinstance(name, bytes) else name for name in names]
