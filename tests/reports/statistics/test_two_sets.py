"""The error of the difference between two sets, one of which is known by its score alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import ttest_ind

from reports.statistics.scores import Scores
from reports.statistics.two_sets import error_between_sets


def scores(sizes, right, seed=0):
    """A model that is right on this share of each class, and sure to different degrees."""
    chance, label = np.random.default_rng(seed), np.repeat(np.arange(len(sizes)), sizes)
    is_right = np.concatenate([np.arange(n) < round(n * right) for n in sizes])
    predicted = np.where(is_right, label, (label + 1) % len(sizes))
    shares = chance.uniform(0.01, 0.3, (len(label), len(sizes)))
    shares[np.arange(len(label)), predicted] = 1
    return Scores(label, predicted, shares / shares.sum(axis=1, keepdims=True))


@pytest.mark.parametrize("other", [0.8, 0.9, 0.97])
def test_of_accuracies_it_is_that_of_the_two_proportion_test(other) -> None:
    found = error_between_sets("accuracy", scores((500, 500), 0.9), other, np.array([150, 150]))
    pooled = (1000 * 0.9 + 300 * other) / 1300
    expected = math.sqrt(pooled * (1 - pooled) * (1 / 1000 + 1 / 300))
    assert found.value == pytest.approx(expected, rel=0.01)


def test_of_losses_it_is_that_of_welchs_test() -> None:
    known = scores((600,) * 2, 0.9)
    half = known.log_losses[::2]
    found = error_between_sets("log_loss", known, 0.3, np.array([300, 300]))
    welch = ttest_ind(known.log_losses, half, equal_var=False)
    expected = abs(known.log_losses.mean() - half.mean()) / abs(welch.statistic)
    assert found.value == pytest.approx(expected, rel=0.05)


def test_fewer_images_elsewhere_and_rarer_classes_tell_less() -> None:
    known = scores((300, 40, 20), 0.9)
    errors = [
        error_between_sets("macro_f1", known, 0.9, np.array(sizes)).value
        for sizes in ((3000, 400, 200), (300, 40, 20), (300, 40, 4), (30, 4, 2))
    ]
    assert errors == sorted(errors)
    twice = error_between_sets("macro_f1", known, known.macro_f1, np.array([300, 40, 20])).value
    once = error_between_sets(
        "macro_f1", known, known.macro_f1, np.array([3, 0.4, 0.2]) * 1e9
    ).value
    assert twice == pytest.approx(math.sqrt(2) * once, rel=1e-6)


def test_a_perfect_score_has_an_error_too() -> None:
    known = scores((30, 30), 1.0)
    assert known.auc == 1
    assert error_between_sets("auc", known, 0.8, np.array([20, 20])).value > 0.02
