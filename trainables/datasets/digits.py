"""scikit-learn's handwritten digits: 1,797 grey 8×8 images in ten classes, in the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spaces.dataset import DatasetSection
from trainables.datasets.class_names import readable
from trainables.datasets.index import Index
from trainables.datasets.plain_pixels import plain_index


def read_index(section: DatasetSection, path: Path | None = None) -> Index:  # noqa: ARG001
    """The digits; their 17 grey levels are stretched to 0..255."""
    from sklearn.datasets import load_digits

    data = load_digits()
    grey = np.round(data.images * (255 / 16)).astype(np.uint8)
    names = readable([str(name) for name in data.target_names], section.class_names)
    keys = tuple(f"digits/{number:04d}" for number in range(len(grey)))
    return plain_index(grey, data.target.astype(np.int32), names, keys)
