"""The feature store: activations of frozen layers for the images of a set, wherever they lie."""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from spaces.errors import TrialFailedError
from spaces.studies.study import FeatureDtype
from trainables.cache.lazy_rows import Rows
from trainables.cache.rows.gathered import chosen
from trainables.cache.rows.row_store import ComputeRows, RowStore
from trainables.datasets.rows.images import Images
from trainables.features.key import feature_key
from trainables.networks.forward import rows_of


def feature_store(
    below: keras.Model, name: str, images: Images, dtype: FeatureDtype = "float32"
) -> RowStore:
    """The rows of a network's lower part for images that were decoded and resized in one way.

    Args:
        below: Pixels to activations.
        name: Name of the cut.
        images: Some of the images.
        dtype: What they are stored as.
    """
    family = feature_key(below, name, images.treatment, dtype)
    return RowStore("features", family, below.output.shape[1:], np.dtype(dtype).type)


def computed_by(
    below: keras.Model, name: str, pixels: Rows, dtype: FeatureDtype = "float32"
) -> ComputeRows:
    """A function from positions of images to their activations as stored, batch by batch."""

    def compute(positions: np.ndarray) -> Iterator[np.ndarray]:
        for rows in rows_of(below, chosen(pixels, positions))(0, len(positions)):
            yield as_stored(rows, name, dtype)

    return compute


def as_stored(rows: np.ndarray, name: str, dtype: FeatureDtype) -> np.ndarray:
    """Activations as they are stored: float16 keeps 11 bits of each number, to the nearest.

    Args:
        rows: float32.
        name: Name of the cut.
        dtype: What they are stored as.

    Raises:
        TrialFailedError: If one is too large for that.
    """
    with np.errstate(over="ignore"):
        stored = rows.astype(dtype, copy=False)
    too_large = np.isinf(stored) & np.isfinite(rows)
    if too_large.any():
        raise TrialFailedError(
            "data",
            f"The features at {name} reach {np.abs(rows[too_large]).max():,.0f}, but {dtype} ends "
            f"at {np.finfo(dtype).max:,.0f}. Start a new run with resources.feature_dtype: float32 "
            "in the study, or leave this backbone or boundary out.",
        )
    return stored
