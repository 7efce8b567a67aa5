"""Augmentation of a training batch: of its pixels, of its features at the cut, and of its labels.

All random numbers of a batch follow from its key, with a row for each example. So a training that
resumes draws what an uninterrupted one draws, and workers that share a batch draw what one alone
draws. The partner of an example in a mixture is its neighbour in what is computed together: on
several workers, or where a batch is computed in parts, another one than otherwise.
"""

from __future__ import annotations

import tensorflow as tf

from spaces.hyperparameters import AUGMENTATION, FEATURE_AUGMENTATION, Hyperparameters
from trainables.augmentation.features import jittered
from trainables.augmentation.mixing import beta, cutmix, mixup, pasted
from trainables.augmentation.transforms import Transforms

Draws = dict[str, tf.Tensor]
"""Random numbers of a batch, (examples, ...) each."""

STRENGTHS = tuple(
    name
    for name in (*AUGMENTATION, "crop_ratio", *FEATURE_AUGMENTATION)
    if name not in ("flip", "trivial_augment")
)
"""Hyperparameters that are numbers, which can change without retracing while they are above 0."""


class BatchAugmentation:
    """What a configuration does to a training batch, on the device that trains.

    Attributes:
        columns: Uniform numbers that the transforms of an image take.

    Args:
        point: The configuration.
        pixels: Whether to transform and mix images.
        features: Whether to change and mix features at the cut.
    """

    def __init__(self, point: Hyperparameters, *, pixels: bool, features: bool) -> None:
        self._values = {
            name: tf.Variable(getattr(point, name), dtype=tf.float32, trainable=False)
            for name in STRENGTHS
            if getattr(point, name)
        }
        self._transforms = Transforms(point, self._values) if pixels else None
        self._mixes = [n for n in ("mixup", "cutmix") if pixels and n in self._values]
        self._on_features = [n for n in FEATURE_AUGMENTATION if features and n in self._values]

    def __bool__(self) -> bool:
        return bool(self._transforms or self._mixes or self._on_features)

    def adjust(self, point: Hyperparameters) -> None:
        """Take the strengths of another configuration that augments in the same ways."""
        for name, variable in self._values.items():
            variable.assign(getattr(point, name))

    def draw(self, count: tf.Tensor, key: tf.Tensor, channels: int) -> Draws:
        """The random numbers of a batch.

        Args:
            count: Examples in the whole batch.
            key: Whole numbers (2,); the same key draws the same.
            channels: Of the features at the cut.
        """
        keys = [tf.random.experimental.stateless_fold_in(key, purpose) for purpose in range(6)]
        drawn: Draws = {}
        if self._transforms:
            columns = self._transforms.columns
            drawn["transforms"] = tf.random.stateless_uniform([count, columns], keys[0])
        if self._mixes:
            drawn["mix"] = tf.random.stateless_uniform([count, 3], keys[1])
        for name, own in zip((*self._mixes, *self._on_features), keys[2:], strict=False):
            if name == "feature_jitter":
                drawn[name] = tf.random.stateless_uniform([count, channels], own)
            else:
                drawn[name] = beta(count, self._values[name], own)
        return drawn

    def images(
        self, images: tf.Tensor, drawn: Draws, aspects: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Transform images; see `Transforms`."""
        if not self._transforms:
            return images
        return self._transforms(images, drawn["transforms"], aspects)

    def mixed_images(self, own: tf.Tensor, other: tf.Tensor, drawn: Draws) -> tf.Tensor:
        """Mix images; where both MixUp and CutMix are on, each image has one of them.

        Args:
            own, other: float32 (images, size, size, 3).
            drawn: Of `draw`.
        """
        if "mixup" in drawn:
            own = mixup(own, other, self._wanted("mixup", drawn))
        if "cutmix" in drawn:
            own = cutmix(own, other, self._wanted("cutmix", drawn), drawn["mix"][:, 1:])
        return own

    def shares(self, drawn: Draws, side: int) -> tf.Tensor | None:
        """The share of the other in each image that `mixed_images` mixes, (images,), or None."""
        shares = None
        if "mixup" in drawn:
            shares = self._wanted("mixup", drawn)
        if "cutmix" in drawn:
            taken = pasted(side, self._wanted("cutmix", drawn), drawn["mix"][:, 1:])
            shares = taken if shares is None else shares + taken
        return shares

    def _wanted(self, name: str, drawn: Draws) -> tf.Tensor:
        """The share that MixUp or CutMix draws for each image; 0 where the image has the other."""
        if len(self._mixes) == 1:
            return drawn[name]
        is_cut = drawn["mix"][:, 0] < 0.5
        return tf.where(is_cut == (name == "cutmix"), drawn[name], 0.0)

    def features(self, features: tf.Tensor, drawn: Draws) -> tuple[tf.Tensor, tf.Tensor | None]:
        """Change features, and mix each example with the one before it.

        Returns:
            The features, and the share of the other in each, (examples,); None if nothing is mixed.
        """
        if "feature_jitter" in drawn:
            strength = self._values["feature_jitter"]
            features = jittered(features, drawn["feature_jitter"], strength)
        if "feature_mixup" not in drawn:
            return features, None
        shares = drawn["feature_mixup"]
        return mixup(features, partners(features), shares), shares


def augmentation(point: Hyperparameters) -> BatchAugmentation | None:
    """What a configuration draws anew for every batch, or None; see `stored_views` for the rest."""
    augment = BatchAugmentation(point, pixels=not point.views, features=True)
    return augment if augment else None


def partners(examples: tf.Tensor) -> tf.Tensor:
    """What each example, or its label, is mixed with: the one before it in the batch."""
    return tf.roll(examples, 1, axis=0)
