"""What each image contributes to a score: pseudo-values, whose mean over the images is the score.

A score of the whole test set, such as macro F1 or the area under the ROC curve, has no value for a
single image. Its pseudo-value is the score plus how far the score moves with the image: the
infinitesimal jackknife. For the area under the curve these are the placements of DeLong, DeLong and
Clarke-Pearson (Biometrics 1988). The variance of the score is then that of a mean. A stratified
split gives each class a fixed number of images, so only the variance within classes counts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from reports.statistics.class_means import LEAST_IMAGES, SCORES
from reports.statistics.proportions import Interval, wilson_of_share
from reports.statistics.scores import Scores

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

ScoreName = Literal["accuracy", "balanced_accuracy", "macro_f1", "auc", "log_loss", "brier"]

LOSSES = ("log_loss", "brier")
"""The smaller the better."""


def gain(name: ScoreName, difference: float) -> float:
    """A difference, positive where the first of two scores is the better one."""
    return -difference if name in LOSSES else difference


def pseudo_values(name: ScoreName, scores: Scores) -> Floats:
    """A value of each image, shape (images,); their mean is the score.

    Args:
        name: Of the score.
        scores: Of one model; with probabilities for "auc" and losses.

    Raises:
        ValueError: If the probabilities are not known.
    """
    if name == "accuracy":
        return (scores.label == scores.predicted).astype(np.float64)
    if name in LOSSES:
        return scores.log_losses if name == "log_loss" else scores.briers
    if name == "auc":
        value, moves = scores.auc, _placements(scores.label, scores.known_probabilities)
    else:
        value, slopes = SCORES[name](scores.counts.astype(np.float64))
        moves = slopes[scores.label, scores.predicted]
    return value + len(moves) * _within_classes(moves, scores.label)


def _within_classes(values: Floats, label: Labels) -> Floats:
    """Each value less the mean of its class."""
    return values - (np.bincount(label, values) / np.maximum(1, np.bincount(label)))[label]


def _placements(label: Labels, probabilities: Floats) -> Floats:
    """How far the area under the curve moves with each image, but for a constant of its class."""
    classes = probabilities.shape[1]
    moves, areas = np.zeros(len(label)), 0
    for k in [1] if classes == 2 else range(classes):
        is_own, shown = label == k, probabilities[:, k]
        own, others = int(is_own.sum()), int((~is_own).sum())
        if not own or not others:
            continue
        rank, areas = rankdata(shown), areas + 1
        moves[is_own] += (rank[is_own] - rankdata(shown[is_own])) / (own * others)
        moves[~is_own] -= (rank[~is_own] - rankdata(shown[~is_own])) / (own * others)
    return moves / max(1, areas)


@dataclass(frozen=True)
class Error:
    """The standard error of a mean of pseudo-values, and the degrees of freedom of its estimate."""

    value: float
    freedom: float


def error_of_mean(
    values: Floats, label: Labels, name: ScoreName, beside: Labels | None = None
) -> Error:
    """The standard error of a mean over a stratified set, or of its difference to another set's.

    A few images say little about the variance of their class: where all predictions happen to agree
    it would be zero. So each class counts one further image, as far from the mean as all images are
    on the average, with the weights of the classes taken out. The means over classes also count one
    image that only the first model has right and one that only the second has, a share of them in
    each class, as Agresti and Min do (Statistics in Medicine 2005).

    Args:
        values: Pseudo-values of a score, or differences of those of two models, shape (images,).
        label: True class of each image, shape (images,).
        name: Of the score.
        beside: Images of each class in the other set, none of them 0. Its own values need not be
            known: they vary within a class as those of this set.
    """
    images, sizes = len(label), np.bincount(label)
    present = np.flatnonzero(sizes)
    weights = np.ones(len(sizes))
    if name in (*SCORES, "auc"):
        weights[present] = images / (len(present) * sizes[present])
    off = _within_classes(values, label) / weights[label]
    squares = np.bincount(label, off**2)
    pooled = squares.sum() / max(1, images - len(present))
    if name not in LOSSES:
        pooled = max(pooled, 2 / images)
    if name in SCORES:
        pooled += 2 / len(present)
    parts = weights[present] ** 2 * (squares[present] + pooled) / images**2
    if beside is not None:
        parts *= 1 + sizes[present] / beside[present]
    variance = float(parts.sum())
    if variance == 0:
        return Error(0.0, math.inf)
    return Error(math.sqrt(variance), variance**2 / float(np.sum(parts**2 / sizes[present])))


def auc_interval(scores: Scores) -> Interval | None:
    """95 % interval of the area under the ROC curve, by the error of its placements.

    It is Wilson's, of the area as a proportion of as many images as would give that variance; a
    symmetric one would reach beyond 1. None where the smallest class has too few images.
    """
    sizes = np.bincount(scores.label)
    if sizes[sizes > 0].min() < LEAST_IMAGES:
        return None
    error = error_of_mean(pseudo_values("auc", scores), scores.label, "auc").value
    share = (scores.auc * len(scores.label) + 0.5) / (len(scores.label) + 1)
    return wilson_of_share(scores.auc, share * (1 - share) / error**2)
