"""Stored views: augmented versions of the training images, drawn once for all trials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from spaces.hyperparameters import AUGMENTATION, Hyperparameters
from trainables.augmentation.transforms import Augmentation, augmentation
from trainables.cache.folder import address, cache_folder, made_once
from trainables.cache.tensor_file import read_rows, write_rows
from trainables.datasets.rows.images import Images

_BLOCK = 64


def views(images: Images, point: Hyperparameters) -> list[Images]:
    """Image sets that the epochs train on in turn: only the images themselves without views.

    Views depend on the augmentation and their number, not on a trial's seed, so that all trials
    share their features.

    Args:
        images: The training set.
        point: Says how many views, and how they are drawn.
    """
    if not point.views:
        return [images]
    augment = augmentation(point, seed=0)
    if augment is None:
        raise ValueError(f"views is {point.views}, and there is no augmentation")
    return [_view(images, augment, _drawn_by(point), number) for number in range(point.views)]


def _drawn_by(point: Hyperparameters) -> str:
    return " ".join(f"{name}={getattr(point, name)}" for name in AUGMENTATION)


def _view(images: Images, augment: Augmentation, drawn_by: str, number: int) -> Images:
    name = address(images.fingerprint, drawn_by, number, tf.__version__, keras.__version__)

    def write(path: Path) -> None:
        augment.reset(1 + 100 * number)
        write_rows(path, images.pixels.shape, _blocks(images, augment))

    path = made_once(cache_folder() / "images" / f"{name}.arrow", write)
    return Images(read_rows(path), images.labels, name)


def _blocks(images: Images, augment: Augmentation) -> Iterator[np.ndarray]:
    for start in range(0, len(images.labels), _BLOCK):
        drawn = augment(tf.constant(images.pixels[start : start + _BLOCK], tf.float32))
        yield np.clip(np.rint(drawn.numpy()), 0, 255).astype(np.uint8)
