"""The digits as arrays, and their features cached by hand, as a careful user would."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np

from spaces.studies.dataset import DatasetSection
from tests.benchmarks.opponents.task import IMAGE_SIZE, Task
from trainables.datasets.rows.loading import load_trial_data, open_sealed_test

SECTION = DatasetSection(format="digits", validation=0.2, test=0.2)
"""As the study files for ours have it: 1,077 training, 360 validation and 360 test images."""

Arrays = dict[str, np.ndarray]
"""x_train, y_train, x_val and y_val."""


def images() -> Arrays:
    """Pixels uint8 (images, 96, 96, 3) and labels int32 (images,)."""
    data = load_trial_data(SECTION, IMAGE_SIZE)
    return {
        "x_train": np.asarray(data.train.pixels),
        "y_train": data.train.labels,
        "x_val": np.asarray(data.validation.pixels),
        "y_val": data.validation.labels,
    }


def save_images(task: Task) -> Path:
    """The images in a file that every trial reads."""
    path = task.folder / "images.npz"
    np.savez(path, **images())  # type: ignore[arg-type] # the stubs take a name for an option
    return path


def save_features(task: Task) -> Path:
    """Pooled features, float32 (images, 1280), in a file; their time is marked as `features`."""
    import keras

    from tests.benchmarks.opponents.models import pooled_backbone

    began = time.perf_counter()
    arrays = images()
    backbone = pooled_backbone()
    for name in ("x_train", "x_val"):
        arrays[name] = backbone.predict(arrays[name], batch_size=64, verbose=0)
    path = task.folder / "features.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    keras.backend.clear_session()
    task.mark(features=time.perf_counter() - began)
    return path


def load(path: Path | str) -> Arrays:
    """What `save_images` or `save_features` saved."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def untouched() -> tuple[np.ndarray, np.ndarray]:
    """Test images and labels: for winners alone."""
    sealed: Any = open_sealed_test(SECTION, IMAGE_SIZE)
    return np.asarray(sealed.images.pixels), sealed.images.labels
