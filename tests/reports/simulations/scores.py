"""Simulated test sets and searches: coverage of scores, calibration and importance."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import optuna
from numpy.typing import NDArray

from reports.analysis.kinds import KINDS
from reports.analysis.scoring import estimates
from reports.data.importance import Importance
from reports.data.predictions import Predictions
from reports.statistics.calibration import consistency
from search.strategy import importance

Values = tuple[str, str, str, Any, list[bool]]
"""Claim, truth, setting, bound, and each time whether the claim was made."""

SETS = {
    "360 images, 10 even classes": ([36] * 10, [0.95] * 10),
    "656 images, 2 classes": ([440, 216], [0.92, 0.8]),
    "360 images, 4 uneven classes": ([240, 80, 28, 12], [0.97, 0.9, 0.85, 0.8]),
    "60 images, 6 even classes": ([10] * 6, [0.85] * 6),
}


def rows(scale: float) -> Iterator[Values]:
    """Every row of this module."""
    yield from score_rows(scale)
    yield from calibration_rows(scale)
    yield from importance_rows(scale)


def score_rows(scale: float) -> Iterator[Values]:
    """Coverage of each score's interval, where the page shows one."""
    for setting, (sizes, recalls) in SETS.items():
        chance = np.random.default_rng(0)
        label = np.repeat(np.arange(len(sizes)), sizes)
        large = predictions(np.repeat(label, 400_000 // len(label)), recalls, chance)
        truth = _values(large)
        covered: dict[str, list[bool]] = {kind.name: [] for kind in KINDS}
        for number in range(max(2, int(1500 * scale))):
            for name, one in estimates(predictions(label, recalls, chance), number).items():
                if one.low is not None and one.high is not None:
                    covered[name].append(one.low <= truth[name] <= one.high)
        for kind in KINDS:
            hits = covered[kind.name]
            bound = "at least 93 %" if kind.name == "auc" else "93 to 97 %"
            if hits:
                yield f"interval of the {kind.title}", "stratified", setting, bound, hits


def _values(large: Predictions) -> dict[str, float]:
    """Scores of many images: those of the populations, with the classes' shares of the set."""
    return {kind.name: kind.of(large.scores) for kind in KINDS}


def predictions(
    label: NDArray[np.int64], recalls: list[float], chance: np.random.Generator
) -> Predictions:
    """A model that is rather sure, more so where it is right, with these recalls by class."""
    n, classes = len(label), len(recalls)
    right = chance.random(n) < np.array(recalls)[label]
    other = (label + chance.integers(1, classes, n)) % classes
    predicted = np.where(right, label, other)
    sure = np.where(right, chance.beta(12, 1, n), chance.beta(5, 2, n))
    sure = np.maximum(sure, 1 / classes)
    shares = np.full((n, classes), 1e-9)
    index = np.arange(n)
    shares += ((1 - sure) * chance.beta(1, 3, n) / classes)[:, None]
    shares[index, np.where(right, other, label)] += (1 - sure) / 2
    shares[index, predicted] = 0
    shares *= ((1 - sure) / shares.sum(axis=1))[:, None]
    shares[index, predicted] = sure
    return Predictions(tuple(map(str, range(n))) if n < 10_000 else (), label, predicted, shares)


def calibration_rows(scale: float) -> Iterator[Values]:
    """How often a model is called off, calibrated or not."""
    for images in (60, 360, 2000):
        for truth, power, bound in (
            ("calibrated", 1.0, "about 5 %"),
            ("about 3 points too sure", 1.35, "as it comes"),
        ):
            chance = np.random.default_rng([images, int(10 * power)])
            found = []
            for seed in range(max(2, int(2000 * scale))):
                sure = chance.beta(10, 1, images)
                found.append(consistency(sure, chance.random(images) < sure**power, seed).is_off)
            setting = f"{images:,} images"
            yield "off by more than chance", truth, setting, bound, found


SPACE = {
    "learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True),
    "dropout": optuna.distributions.FloatDistribution(0.0, 0.5),
    "momentum": optuna.distributions.FloatDistribution(0.0, 1.0),
}


def importance_rows(scale: float) -> Iterator[Values]:
    """How often a hyperparameter is said to have mattered most, rightly or not.

    With fewer resamples than the search draws, which take longest of all.
    """
    resamples = 40 if scale > 0.01 else 2
    for trials, repetitions in ((20, 100), (100, 100), (500, 20)):
        for truth, strength, bound in (
            ("none matters", 0.0, "at most 5 %"),
            ("the learning rate explains half", 0.012, "as it comes"),
            ("the learning rate explains all", 0.1, "as it comes"),
        ):
            count = max(2, int(repetitions * scale))
            found = [_has_a_first(trials, strength, seed, resamples) for seed in range(count)]
            yield "mattered most", truth, f"{trials} trials", bound, found


def _has_a_first(trials: int, strength: float, seed: int, resamples: int) -> bool:
    chance = np.random.default_rng([seed, trials])
    made = []
    for _ in range(trials):
        point = {
            "learning_rate": float(10 ** chance.uniform(-4, -1)),
            "dropout": float(chance.uniform(0, 0.5)),
            "momentum": float(chance.uniform(0, 1)),
        }
        value = strength * np.log10(point["learning_rate"]) + chance.normal(0, 0.01)
        made.append(
            optuna.trial.create_trial(value=float(value), params=point, distributions=SPACE)
        )
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        parameters = importance.resampled(made, "max", seed, resamples)
    values = {"method": "PED-ANOVA", "epoch": 1, "trials": trials, "parameters": parameters}
    return Importance.from_dict(values).has_a_first
