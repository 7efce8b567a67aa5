"""Runs drawn from a known truth: a search, its finalists, and the test of the winner.

Whether a model is right on an image depends on how easy the image is for all models, on the
configuration, on the seed and on the epoch; true accuracies are known exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from reports.statistics.paired import Paired

EASE, CONFIGURATION, SEED, EPOCH = (share**0.5 for share in (0.6, 0.2, 0.1, 0.1))
"""Standard deviations of what decides whether a model is right on an image; variances add up to 1:
so an accuracy is Φ(its mean)."""

EPOCHS, FINALISTS, SEEDS, TEST_SETS = 3, 3, 3, 20


@dataclass(frozen=True)
class World:
    """A truth to draw runs from.

    Attributes:
        accuracy: Of the recipe, by class.
        difference: True accuracy of every searched configuration − the recipe's, in each class.
        classes: Share of each class; the sets are stratified.
        trials: Of the search.
        validation, test: Images.
        shift: Added to every model's accuracy on the test set alone: a test set that is not alike.
    """

    accuracy: tuple[float, ...] = (0.95,)
    difference: float = 0.0
    classes: tuple[float, ...] = (1.0,)
    trials: int = 20
    validation: int = 360
    test: int = 360
    shift: float = 0.0

    def labels(self, images: int) -> NDArray[np.int64]:
        """Class of each image, as many of each class in every draw."""
        counts = [round(images * share) for share in self.classes]
        counts[0] += images - sum(counts)
        return np.repeat(np.arange(len(counts)), counts)

    def means(self, images: int, difference: float, shift: float = 0.0) -> NDArray[np.float64]:
        """Of a model with so much more accuracy than the recipe, by image."""
        by_class = norm.ppf(np.array(self.accuracy) + difference + shift)
        return by_class[self.labels(images)]


@dataclass(frozen=True)
class Simulated:
    """One run, as the report would see it.

    Attributes:
        incumbent: Best validation accuracy over trials and epochs.
        chosen: Mean validation accuracy of the chosen finalist over new seeds.
        pairs: Winner against recipe, on several test sets.
        others: Winner against other recipes of the same accuracy, on each test set.
        tested: The winner's accuracy on each test set.
    """

    incumbent: float
    chosen: float
    pairs: list[Paired]
    others: list[list[Paired]]
    tested: list[float]


def simulate(world: World, runs: int, seed: int = 0, others: int = 0) -> Iterator[Simulated]:
    """Draw runs: a search on validation images, its finalists, and the test of the winner."""
    chance = np.random.default_rng([seed, world.trials, world.test])
    for _ in range(runs):
        incumbent, chosen = _searched(world, chance)
        pairs, rest, tested = [], [], []
        for _ in range(TEST_SETS):
            right = _tested(world, others, chance)
            pairs.append(Paired.of(right[0], right[1]))
            rest.append([Paired.of(right[0], other) for other in right[2:]])
            tested.append(float(right[0].mean()))
        yield Simulated(incumbent, chosen, pairs, rest, tested)


def _searched(world: World, chance: np.random.Generator) -> tuple[float, float]:
    """Best single result of the search, and the best mean of its finalists."""

    def normal(*shape: int) -> NDArray[np.float32]:
        return chance.standard_normal(shape, dtype=np.float32)

    images = world.validation
    base = world.means(images, world.difference) + EASE * normal(images)
    own = base + CONFIGURATION * normal(world.trials, images)
    once = own + SEED * normal(world.trials, images)
    best = np.zeros(world.trials)
    for _ in range(EPOCHS):
        shown = once + EPOCH * normal(world.trials, images) > 0
        best = np.maximum(best, shown.mean(axis=1))
    finalists = np.argsort(-best)[:FINALISTS]
    again = own[finalists, None, None] + SEED * normal(FINALISTS, SEEDS, 1, images)
    shown = again + EPOCH * normal(FINALISTS, SEEDS, EPOCHS, images) > 0
    means = shown.mean(axis=-1).max(axis=-1).mean(axis=-1)
    return float(best.max()), float(means.max())


def _tested(world: World, others: int, chance: np.random.Generator) -> NDArray[np.bool_]:
    """Whether winner, recipe and other recipes are right, shape (models, images)."""
    images = world.test
    differences = [world.difference, *[0.0] * (1 + others)]
    means = np.stack([world.means(images, d, world.shift) for d in differences])
    spread = (1 - EASE**2) ** 0.5
    ease = EASE * chance.standard_normal(images)
    return means + ease + spread * chance.standard_normal((2 + others, images)) > 0


EVEN = World()
UNEVEN = World(accuracy=(0.95, 0.9, 0.8, 0.7), classes=(0.7, 0.2, 0.07, 0.03))
SETTINGS = {
    "360 images, 20 trials": (EVEN, 20, 1500),
    "360 images, 100 trials": (EVEN, 100, 1500),
    "360 images, 500 trials": (EVEN, 500, 1000),
    "360 images, 100 trials, uneven classes": (UNEVEN, 100, 1500),
}
DIFFERENCES = {"no difference": 0.0, "winner 1 point better": 0.01, "winner 4 points better": 0.04}
