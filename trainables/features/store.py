"""The feature store: activations of frozen layers for the images of a set, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from trainables.cache.lazy_rows import Rows
from trainables.cache.rows.gathered import chosen
from trainables.cache.rows.row_store import ComputeRows, RowStore
from trainables.datasets.rows.images import Images
from trainables.features.key import feature_key
from trainables.networks.forward import rows_of


def feature_store(below: keras.Model, name: str, images: Images) -> RowStore:
    """The rows of a network's lower part for images that were decoded and resized in one way.

    Args:
        below: Pixels to activations.
        name: Name of the cut.
        images: Some of the images.
    """
    return RowStore("features", feature_key(below, name, images.treatment), below.output.shape[1:])


def computed_by(below: keras.Model, pixels: Rows) -> ComputeRows:
    """A function from positions of images to their activations, float32, batch by batch."""

    def compute(positions: np.ndarray) -> Iterator[np.ndarray]:
        return rows_of(below, chosen(pixels, positions))(0, len(positions))

    return compute
