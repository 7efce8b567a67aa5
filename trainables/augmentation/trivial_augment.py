"""TrivialAugment: one operation an image, of a random kind and strength.

Müller and Hutter, 2021, https://arxiv.org/abs/2103.10158: the "wide" space of 14 operations, each
equally likely, at one of 31 strengths, each equally likely. The paper moves images by up to 32
pixels; here that is 32 of 224, whatever the image's side. Where an operation moves an image's
border inwards, the image is mirrored; the paper's code leaves black there.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from trainables.augmentation import colours
from trainables.augmentation.by_group import by_group
from trainables.augmentation.geometry import affine, rotated

LEVELS = 31
COLUMNS = 3
"""Uniform numbers an image: kind, strength, sign."""

_SLOPE, _MOVE, _DEGREES, _CHANGE = 0.99, 32 / 224, 135.0, 0.99

_POSTERIZED = 8 - np.round(np.arange(LEVELS) / ((LEVELS - 1) / 6))
_SOLARIZED = np.linspace(256, 0, LEVELS)

SPACE: dict[str, tuple[np.ndarray, bool]] = {
    "identity": (np.zeros(LEVELS), False),
    "shear_x": (np.linspace(0, _SLOPE, LEVELS), True),
    "shear_y": (np.linspace(0, _SLOPE, LEVELS), True),
    "translate_x": (np.linspace(0, _MOVE, LEVELS), True),
    "translate_y": (np.linspace(0, _MOVE, LEVELS), True),
    "rotate": (np.linspace(0, _DEGREES, LEVELS), True),
    "brightness": (np.linspace(0, _CHANGE, LEVELS), True),
    "color": (np.linspace(0, _CHANGE, LEVELS), True),
    "contrast": (np.linspace(0, _CHANGE, LEVELS), True),
    "sharpness": (np.linspace(0, _CHANGE, LEVELS), True),
    "posterize": (_POSTERIZED, False),
    "solarize": (_SOLARIZED, False),
    "auto_contrast": (np.zeros(LEVELS), False),
    "equalize": (np.zeros(LEVELS), False),
}
"""Strengths of each operation, and whether its sign is random."""

KINDS = tuple(SPACE)

_BY_FACTOR = {
    "brightness": colours.brightness,
    "color": colours.saturation,
    "contrast": colours.contrast,
    "sharpness": colours.sharpness,
}
_BY_STRENGTH = {
    "posterize": colours.posterize,
    "solarize": colours.solarize,
    "auto_contrast": colours.auto_contrast,
    "equalize": colours.equalize,
}


def chosen(drawn: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """The operation of each image, a position in `KINDS`, and its strength.

    Args:
        drawn: Uniform in 0..1, (images, 3): kind, strength, sign.

    Returns:
        int32 and float32 (images,).
    """
    kinds = tf.cast(drawn[:, 0] * len(KINDS), tf.int32)
    levels = tf.cast(drawn[:, 1] * LEVELS, tf.int32)
    table = tf.constant(np.stack([strengths for strengths, _ in SPACE.values()]), tf.float32)
    is_signed = tf.gather(tf.constant([signed for _, signed in SPACE.values()]), kinds)
    strengths = tf.gather_nd(table, tf.stack([kinds, levels], axis=1))
    return kinds, tf.where(is_signed & (drawn[:, 2] < 0.5), -strengths, strengths)


def maps(kinds: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """The part that moves pixels, as maps of `geometry`: shears keep the top left corner."""

    def of(kind: str) -> tf.Tensor:
        return tf.where(kinds == KINDS.index(kind), strengths, 0.0)

    shear_x, shear_y = of("shear_x"), of("shear_y")
    moved = affine(
        tf.shape(kinds)[0],
        (1.0, shear_x, shear_x / 2 - of("translate_x")),
        (shear_y, 1.0, shear_y / 2 - of("translate_y")),
    )
    is_rotated = (kinds == KINDS.index("rotate"))[:, None, None]
    return tf.where(is_rotated, rotated(of("rotate")), moved)


def recoloured(images: tf.Tensor, kinds: tf.Tensor, strengths: tf.Tensor) -> tf.Tensor:
    """The part that changes colours. Each image passes through its own operation alone.

    Args:
        images: float32 (images, side, side, 3).
        kinds, strengths: Of `chosen`.
    """
    named = {**_BY_FACTOR, **_BY_STRENGTH}
    group_of = [1 + list(named).index(kind) if kind in named else 0 for kind in KINDS]
    by_factor = [KINDS.index(kind) for kind in _BY_FACTOR]
    is_factor = tf.reduce_any(kinds[:, None] == tf.constant(by_factor), axis=1)
    amounts = tf.where(is_factor, 1 + strengths, strengths)
    groups = tf.gather(tf.constant(group_of), kinds)
    return by_group(images, groups, [None, *named.values()], amounts)
