"""The order in which an epoch trains on its images: each once, or as many of each class."""

from __future__ import annotations

import numpy as np

from spaces.hyperparameters import Hyperparameters


def order_of_epoch(point: Hyperparameters, labels: np.ndarray, seed: int, epoch: int) -> np.ndarray:
    """Positions of the images that an epoch trains on, in order.

    With `sampling: balanced` each class has the same number of places, give or take one. Its images
    fill them in random order, again and again if they are few; of a class with more images than
    places, the epoch leaves out as many at random. See https://arxiv.org/abs/1512.05830.

    Args:
        point: Its `sampling` decides.
        labels: Whole numbers (images,), the class of each.
        seed: Of the training.
        epoch: From 1.

    Returns:
        int64 (images,).
    """
    chance = np.random.default_rng((seed, epoch))
    if point.sampling == "none":
        return chance.permutation(len(labels))
    classes = chance.permutation(np.unique(labels))  # who gets one place more is drawn too
    places = np.array_split(np.arange(len(labels)), len(classes))
    chosen = [
        _repeated(np.flatnonzero(labels == one), len(mine), chance)
        for one, mine in zip(classes, places, strict=True)
    ]
    return chance.permutation(np.concatenate(chosen))


def _repeated(images: np.ndarray, count: int, chance: np.random.Generator) -> np.ndarray:
    """So many of these images: all before one comes again."""
    rounds = [chance.permutation(images) for _ in range(-(-count // len(images)))]
    return np.concatenate(rounds)[:count] if rounds else images[:0]
