"""Tests for reliability by bins of confidence."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from reports.statistics.calibration import BINS, bin_of, consistency, reliability
from reports.statistics.scores import Scores


def test_bins_hold_their_upper_edge() -> None:
    edges = np.array([0.0, 1 / BINS, 1 / BINS + 1e-9, 0.5, 1.0])
    np.testing.assert_array_equal(bin_of(edges), [0, 0, 1, 7, BINS - 1])


def test_bins_are_those_of_scikit_learn() -> None:
    chance = np.random.default_rng(0)
    confidence = chance.random(3000)
    is_right = chance.random(3000) < confidence**2
    found = reliability(confidence, is_right)
    accuracy, mean = calibration_curve(is_right, confidence, n_bins=BINS)
    assert found.accuracy == pytest.approx(accuracy)
    assert found.confidence == pytest.approx(mean)
    assert sum(found.images) == 3000
    assert found.excess == pytest.approx(confidence.mean() - is_right.mean())


def test_its_error_is_the_mean_gap() -> None:
    chance = np.random.default_rng(1)
    shares = chance.dirichlet(np.full(5, 0.4), 200)
    scores = Scores(chance.integers(0, 5, 200), shares.argmax(axis=1), shares)
    confidence, is_right = shares.max(axis=1), scores.label == scores.predicted
    by_bin = [np.abs(np.sum((is_right - confidence)[bin_of(confidence) == b])) for b in range(BINS)]
    assert scores.reliability.error == pytest.approx(sum(by_bin) / 200)


def test_a_calibrated_model_has_an_error_too_and_is_not_called_off() -> None:
    """On 360 images a perfectly calibrated model shows an error of some 2 %, never 0."""
    chance = np.random.default_rng(0)
    found = []
    for seed in range(200):
        confidence = chance.beta(10, 1, 360)
        found.append(consistency(confidence, chance.random(360) < confidence, seed))
    assert min(one.error for one in found) > 0.005
    assert np.mean([one.error for one in found]) == pytest.approx(
        np.mean([one.expected for one in found]), rel=0.05
    )
    assert np.mean([one.is_off for one in found]) <= 0.08, "5 %, give or take"
    assert all((one.error > one.upper) is one.is_off for one in found if abs(one.p - 0.05) > 0.005)


def test_a_model_that_is_too_sure_is_called_off() -> None:
    chance = np.random.default_rng(0)
    confidence = chance.beta(10, 1, 360)
    found = consistency(confidence, chance.random(360) < confidence**3, 0)
    assert found.is_off
    assert found.error > 3 * found.expected
