"""Pseudo-values and standard errors of scores, beside scikit-learn, DeLong and resamples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics

from reports.statistics.influence import (
    auc_interval,
    error_of_mean,
    pseudo_values,
)
from reports.statistics.scores import Scores

SCIKIT_LEARN = {
    "accuracy": lambda s: metrics.accuracy_score(s.label, s.predicted),
    "balanced_accuracy": lambda s: metrics.balanced_accuracy_score(s.label, s.predicted),
    "macro_f1": lambda s: metrics.f1_score(s.label, s.predicted, average="macro"),
    "auc": lambda s: metrics.roc_auc_score(
        s.label,
        s.probabilities[:, 1] if s.probabilities.shape[1] == 2 else s.probabilities,
        multi_class="ovr",
    ),
    "log_loss": lambda s: metrics.log_loss(s.label, s.probabilities),
    "brier": lambda s: metrics.brier_score_loss(s.label, s.probabilities, scale_by_half=False),
}


def scores_of(sizes, seed=0, signal=1.6) -> Scores:
    chance = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(sizes)), sizes)
    logits = chance.standard_normal((len(label), len(sizes)))
    logits[np.arange(len(label)), label] += signal
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Scores(label, shares.argmax(axis=1), shares)


@pytest.mark.parametrize("sizes", [(70, 30), (60, 25, 12, 7)], ids=["two classes", "four classes"])
@pytest.mark.parametrize("name", list(SCIKIT_LEARN))
def test_their_mean_is_the_score_of_scikit_learn(name, sizes) -> None:
    some = scores_of(sizes)
    values = pseudo_values(name, some)
    assert values.shape == some.label.shape
    assert values.mean() == pytest.approx(SCIKIT_LEARN[name](some))
    assert getattr(some, name) == pytest.approx(values.mean())


def test_the_variance_of_the_area_is_that_of_delong() -> None:
    """By its definition: for each image, the share of images of the other class that it beats."""
    some = scores_of((90, 40))
    shown, is_own = some.probabilities[:, 1], some.label == 1
    beats = (shown[is_own][:, None] > shown[~is_own]).astype(float)
    variance = beats.mean(axis=1).var(ddof=1) / 40 + beats.mean(axis=0).var(ddof=1) / 90
    moves = pseudo_values("auc", some) - some.auc
    parts = [(moves[one] ** 2).sum() / (one.sum() * (one.sum() - 1)) for one in (is_own, ~is_own)]
    sizes = np.array([40, 90]) / 130
    assert np.sum(np.array(parts) * sizes**2) == pytest.approx(variance)
    assert error_of_mean(pseudo_values("auc", some), some.label, "auc").value == pytest.approx(
        math.sqrt(variance), rel=0.05
    )


@pytest.mark.parametrize("name", list(SCIKIT_LEARN))
def test_the_error_is_that_of_resamples_within_classes(name) -> None:
    some = scores_of((120, 80, 60), signal=1.0)
    chance = np.random.default_rng(1)
    groups = [np.flatnonzero(some.label == k) for k in range(3)]
    drawn = []
    for _ in range(400):
        rows = np.concatenate([chance.choice(group, len(group)) for group in groups])
        part = Scores(some.label[rows], some.predicted[rows], some.probabilities[rows])
        drawn.append(getattr(part, name))
    found = error_of_mean(pseudo_values(name, some), some.label, name)
    assert found.value == pytest.approx(np.std(drawn), rel=0.12)
    assert found.freedom > 50


def test_where_all_agree_a_share_still_has_an_error_and_a_loss_has_none() -> None:
    label = np.repeat(np.arange(2), (300, 12))
    nothing = np.zeros(len(label))
    assert error_of_mean(nothing, label, "log_loss").value == 0
    even, uneven = (
        error_of_mean(nothing, one, "balanced_accuracy").value
        for one in (np.arange(312) % 2, label)
    )
    assert uneven > 3 * even > 0, "the fewer images a class has, the less is known of it"


def test_the_area_has_an_interval_unless_a_class_is_tiny() -> None:
    good = scores_of((90, 40), signal=6.0)
    found = auc_interval(good)
    assert found.low < good.auc <= found.high <= 1
    assert auc_interval(scores_of((90, 4))) is None


@pytest.mark.parametrize("name", ["auc", "log_loss", "brier"])
def test_without_probabilities_there_is_no_such_score(name) -> None:
    some = scores_of((20, 20))
    with pytest.raises(ValueError, match="probabilities are not known"):
        pseudo_values(name, Scores(some.label, some.predicted))
