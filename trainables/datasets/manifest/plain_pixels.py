"""Indexing images that are stored as plain pixels of one size, in memory."""

from __future__ import annotations

import hashlib

import numpy as np

from spaces.errors import DataError
from trainables.datasets.manifest.index import Index


def plain_index(
    pixels: np.ndarray,
    labels: np.ndarray,
    class_names: tuple[str, ...],
    keys: tuple[str, ...],
    subsets: tuple[str, ...] | None = None,
) -> Index:
    """An index of these images.

    Args:
        pixels: uint8, (images, height, width) grey or (images, height, width, 3) RGB.
        labels: int32 (images,).

    Raises:
        DataError: If a label has no class.
    """
    wrong = np.flatnonzero((labels < 0) | (labels >= len(class_names)))
    if len(wrong):
        raise DataError(
            f"{keys[wrong[0]]} has the label {labels[wrong[0]]}, but the {len(class_names)} "
            f"classes have the labels 0 to {len(class_names) - 1}."
        )

    def read(position: int) -> np.ndarray:
        image = pixels[position]
        return np.repeat(image[..., None], 3, axis=-1) if image.ndim == 2 else image

    content = hashlib.sha256(str(pixels.shape).encode())
    content.update(np.ascontiguousarray(pixels).data)
    content.update(np.ascontiguousarray(labels).data)
    content.update(repr(subsets).encode())
    return Index(class_names, keys, labels, read, content.hexdigest(), subsets)
