"""Datasets of TensorFlow Datasets, by name; needs the extra `data`.

TFDS downloads and prepares what is not in its folder yet. The encoded images are kept in memory
and decoded when they are needed, like files. Splits called train, validation and test are the
published sets.
"""

from __future__ import annotations

import hashlib
import importlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.decoding import decode
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.names import SUBSETS, readable


def read_index(section: DatasetSection, path: Path | None) -> Index:
    """All images of the dataset `section.name`.

    Args:
        path: Folder in which TFDS keeps its data; None: its own default.

    Raises:
        DataError: If TFDS is not installed, does not know the dataset or cannot get it.
    """
    builder = _builder(section, path)
    image, label = _columns(builder.info.features, section)
    subsets, encoded, labels = _examples(builder, image, label)
    keys = tuple(f"{split}/{number:05d}" for split, number in subsets)
    content = hashlib.sha256(np.asarray(labels, "<i4").tobytes())
    if section.bits != 16:
        content.update(f"{section.bits} bits".encode())
    for key, one in zip(keys, encoded, strict=True):
        content.update(f"{key}\0{len(one)}\n".encode() + one)
    published = [SUBSETS.get(split.lower(), "") for split, _ in subsets]
    return Index(
        class_names=readable(builder.info.features[label].names, section.class_names),
        keys=keys,
        labels=np.asarray(labels, np.int32),
        read=lambda i: decode(BytesIO(encoded[i]), keys[i], section.max_pixels, section.bits),
        fingerprint=content.hexdigest(),
        subsets=tuple(published) if len(set(published)) > 1 else None,
        open=lambda i: BytesIO(encoded[i]),
    )


def _builder(section: DatasetSection, path: Path | None) -> Any:
    try:
        tfds = importlib.import_module("tensorflow_datasets")
    except ImportError as error:
        raise DataError(
            "Format tfds needs TensorFlow Datasets, which is not installed: "
            'pip install "thawtune[data]".'
        ) from error
    try:
        builder = tfds.builder(section.name, data_dir=None if path is None else str(path))
        builder.download_and_prepare()
    # TFDS raises its own errors, TensorFlow's and those of whatever library downloads.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0]  # the rest is a list of all that there is
        raise DataError(f"TFDS cannot provide {section.name!r}: {reason}") from error
    return builder


def _columns(features: Any, section: DatasetSection) -> tuple[str, str]:
    """Names of the image and the label feature."""
    found = []
    for kind, wanted in (("Image", section.image_column), ("ClassLabel", section.label_column)):
        fitting = [name for name in features if type(features[name]).__name__ == kind]
        likely = [name for name in fitting if wanted in (None, name)]
        if len(likely) != 1:
            key = "image_column" if kind == "Image" else "label_column"
            raise DataError(
                f"TFDS dataset {section.name!r} has {len(fitting)} features of kind {kind} "
                f"({', '.join(fitting) or 'none'}): name one as {key} in the study."
            )
        found.append(likely[0])
    return found[0], found[1]


def _examples(
    builder: Any, image: str, label: str
) -> tuple[list[tuple[str, int]], list[bytes], list[int]]:
    """Split and number, encoded image, and label of every example that has one."""
    tfds = importlib.import_module("tensorflow_datasets")
    places: list[tuple[str, int]] = []
    encoded: list[bytes] = []
    labels: list[int] = []
    for split in builder.info.splits:
        dataset = builder.as_dataset(
            split=split, decoders={image: tfds.decode.SkipDecoding()}, shuffle_files=False
        )
        for number, example in enumerate(tfds.as_numpy(dataset)):
            if int(example[label]) >= 0:
                places.append((split, number))
                encoded.append(bytes(example[image]))
                labels.append(int(example[label]))
    return places, encoded, labels
