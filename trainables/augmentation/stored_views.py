"""Stored views: augmented versions of the training images, drawn once for all trials."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf

from spaces.hyperparameters import AUGMENTATION, Hyperparameters
from trainables.augmentation.batch import BatchAugmentation, Draws
from trainables.cache.folder import address, cache_folder, made_once
from trainables.cache.tensor_file import read_rows, write_rows
from trainables.datasets.rows.images import Images

_BLOCK = 64
_VERSION = 2
"""Raise it when the same hyperparameters draw other views."""


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
    return [_View(images, point, number).stored() for number in range(point.views)]


class _View:
    """One version of the training images, each perhaps mixed with another one of them."""

    def __init__(self, images: Images, point: Hyperparameters, number: int) -> None:
        self._images, self._point, self._number = images, point, number
        self._augment = BatchAugmentation(point, pixels=True, features=False)
        self._is_mixed = bool(point.mixup or point.cutmix)
        self._others = np.random.default_rng(number).permutation(len(images.labels))

    def stored(self) -> Images:
        """The view, drawn and stored if it is not there yet."""
        point, labels = self._point, self._images.labels
        drawn_by = [getattr(point, name) for name in (*AUGMENTATION, "crop_ratio", "image_size")]
        name = address(self._images.fingerprint, drawn_by, self._number, _VERSION, tf.__version__)
        shape = (len(labels), point.image_size, point.image_size, 3)

        def write(path: Path) -> None:
            write_rows(path, shape, self._blocks())

        path = made_once(cache_folder() / "images" / f"{name}.arrow", write)
        about = {}
        if self._is_mixed:
            about = {"partners": labels[self._others], "shares": self._shares()}
        return Images(read_rows(path), labels, name, about)

    def _blocks(self) -> Iterator[np.ndarray]:
        for block in self._all_blocks():
            drawn = self._drawn(block, purpose=0)
            own = self._transformed(block, drawn)
            if self._is_mixed:
                other = self._transformed(self._others[block], self._drawn(block, purpose=1))
                own = self._augment.mixed_images(own, other, drawn)
            yield np.clip(np.rint(own.numpy()), 0, 255).astype(np.uint8)

    def _shares(self) -> np.ndarray:
        """Of the other in each image, float32 (images,)."""
        size = self._point.image_size
        blocks = self._all_blocks()
        shares = (self._augment.shares(self._drawn(block, purpose=0), size) for block in blocks)
        return np.concatenate([np.asarray(share) for share in shares])

    def _all_blocks(self) -> Iterator[np.ndarray]:
        """Positions of the images, some at a time."""
        count = len(self._images.labels)
        for start in range(0, count, _BLOCK):
            yield np.arange(start, min(count, start + _BLOCK))

    def _drawn(self, block: np.ndarray, purpose: int) -> Draws:
        key = tf.constant([2 * self._number + purpose, block[0]], tf.int64)
        return self._augment.draw(tf.constant(len(block)), key, channels=0)

    def _transformed(self, positions: np.ndarray, drawn: Draws) -> tf.Tensor:
        images = self._images
        pixels = tf.constant(images.pixels[positions], tf.float32)
        aspects = images.about.get("aspects")
        chosen = None if aspects is None else tf.constant(aspects[positions])
        return self._augment.images(pixels, drawn, chosen)
