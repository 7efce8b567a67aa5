"""Where the final model looked: Grad-CAM pictures of test images it got right and wrong."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from search.records.run import Run
from trainables.cache.lazy_rows import Rows

if TYPE_CHECKING:
    import keras

RIGHT, WRONG = 8, 12
"""Largest number of pictures of each kind."""

_SIDE = 224
"""Smallest side of each half of a picture, in pixels."""
_GAP = 4


def explain(
    run: Run,
    model: keras.Model,
    images: Rows,
    labels: np.ndarray,
    shares: np.ndarray,
    keys: Sequence[str],
    class_names: Sequence[str],
) -> None:
    """Write gradcam/0001.png, ... and gradcam/index.json, replacing any earlier ones.

    A picture shows the image on the left, and on the right the image overlaid with the heat map
    of the predicted class. A network without convolutions has no heat map: the index is empty.

    Args:
        run: The run to write to.
        model: Maps pixels to probabilities; one flat graph.
        images: uint8 (images, size, size, 3).
        labels: Class indices, (images,).
        shares: Probabilities, (images, classes).
        keys: Name of each image.
        class_names: Class names, in the order of the labels.
    """
    from trainables.prediction.gradcam import GradCam, feature_maps

    chosen = _chosen(labels, shares) if feature_maps(model) is not None else np.empty(0, np.int64)
    new = run.folder / ".gradcam.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    rows = []
    predicted = shares.argmax(axis=-1)
    if len(chosen):
        heats = GradCam(model)(np.ascontiguousarray(images[chosen]), predicted[chosen])
        for number, (i, heat) in enumerate(zip(chosen.tolist(), heats, strict=True), 1):
            file = f"{number:04d}.png"
            side_by_side(images[i], heat).save(new / file)
            rows.append(
                {
                    "file": file,
                    "image": keys[i],
                    "label": class_names[labels[i]],
                    "predicted": class_names[predicted[i]],
                    "probability": float(shares[i, predicted[i]]),
                    "right": bool(predicted[i] == labels[i]),
                }
            )
    (new / "index.json").write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", "utf-8")
    _replace(new, run.folder / "gradcam")


def _chosen(labels: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Images to show: the most confident correct one of each class, then the worst mistakes."""
    predicted = shares.argmax(axis=-1)
    own = shares[np.arange(len(labels)), labels]
    surest_first, worst_first = np.argsort(-own, kind="stable"), np.argsort(own, kind="stable")
    right = [i for i in surest_first if predicted[i] == labels[i]]
    _, first_of_class = np.unique(labels[right], return_index=True)
    one_a_class = [right[i] for i in sorted(first_of_class)][:RIGHT]
    wrong = [i for i in worst_first if predicted[i] != labels[i]][:WRONG]
    return np.array(one_a_class + wrong, np.int64)


def side_by_side(image: np.ndarray, heat: np.ndarray) -> Image.Image:
    """An image, enlarged by an integer factor if small, and next to it the same with its heat map.

    Args:
        image: uint8 (height, width, 3).
        heat: Heat map, (rows, columns), 0..1.
    """
    from trainables.prediction.gradcam import overlay

    factor = max(1, -(-_SIDE // max(image.shape[:2])))
    large = image.repeat(factor, axis=0).repeat(factor, axis=1)
    height, width, _ = large.shape
    picture = Image.new("RGB", (2 * width + _GAP, height), "white")
    picture.paste(Image.fromarray(large), (0, 0))
    picture.paste(overlay(large, heat), (width + _GAP, 0))
    return picture


def _replace(new: Path, folder: Path) -> None:
    old = folder.with_name(".gradcam.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
