"""A .keras file with the class names in it, as one more member of the zip archive that it is."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from trainables.networks.forward import forward
from trainables.prediction.inference import load_model

MEMBER = "class_names.json"
"""Name of the member; Keras ignores members that it does not know."""


def write(model: keras.Model, names: Sequence[str], path: Path) -> None:
    """Write a model, pixels to probabilities, and its class names."""
    model.save(path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MEMBER, json.dumps(list(names), ensure_ascii=False))


def outputs(path: Path, pixels: np.ndarray) -> np.ndarray:
    """Probabilities that the file gives for float32 pixels (images, size, size, 3)."""
    return forward(load_model(path), pixels)


def class_names(path: Path) -> tuple[str, ...]:
    """The names that the file holds, in the order of its outputs."""
    with zipfile.ZipFile(path) as archive:
        return tuple(json.loads(archive.read(MEMBER)))
