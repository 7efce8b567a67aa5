"""Simulated pairs of models: error rates and coverage where a study's metric is not accuracy.

A model's logits are those of the true class, more of it the easier the class is, with noise that
all models share (how easy the image is), and noise of the configuration and of the seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from reports.analysis.comparisons.agreement import Agreement
from reports.analysis.kinds import KINDS, Kind
from reports.statistics.influence import gain
from reports.statistics.repeated import Repeated
from reports.statistics.score_pair import ScorePair
from reports.statistics.scores import Scores
from reports.statistics.two_sets import error_between_sets
from tests.reports.simulations.rows import Bound, Row, row_of
from tests.reports.simulations.runs import FINALISTS

IMAGE, CONFIGURATION, SEED = (share**0.5 for share in (0.6, 0.25, 0.15))
"""Standard deviations of the noise; the variances add up to 1."""

SHARPNESS = 2.0
"""Logits are this times what decides, so that log loss is that of a trained network."""

STRONGER = 0.5
"""What the true class gets more of from the better model."""

SEEDS, LARGE = 3, 50_000
CHOICES = 2 * FINALISTS

SETS = {
    "360 images, 10 even classes": ([36] * 10, [3.2] * 10),
    "656 images, 2 classes": ([440, 216], [2.6, 1.6]),
    "360 images, 4 uneven classes": ([240, 80, 28, 12], [3.6, 2.6, 2.2, 2.0]),
    "2,000 images, 4 uneven classes": ([1400, 400, 140, 60], [3.4, 2.8, 2.2, 1.8]),
}
COMPARED = tuple(kind for kind in KINDS if kind.name not in ("accuracy", "brier"))


def pair_rows(scale: float) -> Iterator[Row]:
    """Winner against recipe by each metric that a study can have beside accuracy."""
    for setting, (sizes, strengths) in SETS.items():
        label = np.repeat(np.arange(len(sizes)), sizes)
        for truth, more in (("no difference", 0.0), ("winner better", STRONGER)):
            chance = np.random.default_rng([len(label), round(10 * more)])
            strength = np.array([np.array(strengths) + more, strengths])
            true = _truth(label, strength, chance)
            pairs: dict[str, list[ScorePair]] = {kind.name: [] for kind in COMPARED}
            several: dict[str, list[Repeated]] = {kind.name: [] for kind in COMPARED}
            for number in range(max(2, int(4000 * scale))):
                first, second = drawn(label, strength, SEEDS, chance)
                for kind in COMPARED:
                    pairs[kind.name].append(ScorePair.of(kind.name, first[0], second[0]))
                    if number % 2 == 0:
                        several[kind.name].append(Repeated.of_scores(kind.name, first, second))
            for kind in COMPARED:
                one, many = pairs[kind.name], several[kind.name]
                yield from _rows(kind, "", truth, setting, true[kind.name], one)
                where = f"{setting}, {SEEDS} seeds"
                yield from _rows(kind, "the configuration ", truth, where, true[kind.name], many)
        yield from _agreement_rows(setting, label, np.array(strengths), scale)


def _agreement_rows(
    setting: str, label: NDArray[np.int64], strength: NDArray[np.float64], scale: float
) -> Iterator[Row]:
    """The best of equal configurations on half as many validation images, and its test score."""
    sizes = np.bincount(label) // 2
    validation = np.repeat(np.arange(len(sizes)), sizes)
    bounds: dict[str, tuple[float, Bound]] = {
        "sets alike": (0.0, "at most 5 %"),
        "test set harder": (STRONGER, "as it comes"),
    }
    for truth, (less, bound) in bounds.items():
        chance = np.random.default_rng([len(label), round(10 * less)])
        found: dict[str, list[bool]] = {kind.name: [] for kind in COMPARED}
        for _ in range(max(2, int(1000 * scale))):
            trials = drawn(validation, np.tile(strength, (CHOICES, 1)), 1, chance)
            [[tested]] = drawn(label, strength[None] - less, 1, chance)
            for kind in COMPARED:
                best = max((kind.of(one) for [one] in trials), key=partial(gain, kind.name))
                error = error_between_sets(kind.name, tested, best, sizes)
                both = best, len(validation), kind.of(tested), len(label)
                found[kind.name].append(Agreement(*both, CHOICES, kind, error).is_broken)
        for kind in COMPARED:
            claim = f"validation and test disagree, by {kind.title}"
            yield row_of(claim, truth, setting, bound, found[kind.name])


def _truth(
    label: NDArray[np.int64], strength: NDArray[np.float64], chance: np.random.Generator
) -> dict[str, float]:
    """The difference of each score on many images with the same shares of the classes."""
    if np.array_equal(*strength):
        return dict.fromkeys((kind.name for kind in COMPARED), 0.0)
    many = np.repeat(label, LARGE // len(label))
    [first], [second] = drawn(many, strength, 1, chance)
    return {kind.name: kind.of(first) - kind.of(second) for kind in COMPARED}


def _rows(
    kind: Kind,
    who: str,
    truth: str,
    setting: str,
    difference: float,
    found: list[ScorePair] | list[Repeated],
) -> Iterator[Row]:
    outcomes = [one.outcome() for one in found]

    def row(claim: str, bound: Bound, hits: list[bool]) -> Row:
        return row_of(f"{who}{claim}, by {kind.title}", truth, setting, bound, hits)

    if difference == 0:
        hits = [outcome in ("better", "worse") for outcome in outcomes]
        yield row("beat, or did worse", "at most 6 %", hits)
    else:
        yield row("beat", "as it comes", [outcome == "better" for outcome in outcomes])
        yield row("did worse", "at most 6 %", [outcome == "worse" for outcome in outcomes])
    covered = [one.interval.contains(difference) for one in found]
    bound: Bound = "at least 90 %" if kind.name == "auc" else "at least 93 %"
    yield row("interval of the difference", bound, covered)


def drawn(
    label: NDArray[np.int64],
    strength: NDArray[np.float64],
    seeds: int,
    chance: np.random.Generator,
) -> list[list[Scores]]:
    """The trainings of each configuration on one test set.

    Args:
        label: True classes, shape (images,).
        strength: By configuration and class.
        seeds: Trainings of each configuration.
        chance: Draws the noise.
    """
    shape = len(label), strength.shape[1]
    easy = IMAGE * chance.standard_normal(shape)
    made = []
    for one in strength:
        own = easy + CONFIGURATION * chance.standard_normal(shape)
        own[np.arange(len(label)), label] += one[label]
        made.append([_scores(own, label, chance) for _ in range(seeds)])
    return made


def _scores(
    own: NDArray[np.float64], label: NDArray[np.int64], chance: np.random.Generator
) -> Scores:
    logits = SHARPNESS * (own + SEED * chance.standard_normal(own.shape))
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    return Scores(label, shares.argmax(axis=1), shares)
