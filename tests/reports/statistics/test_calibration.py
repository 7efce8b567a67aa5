"""Tests for reliability by bins of confidence."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from reports.statistics.calibration import BINS, bin_of, reliability
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


def test_its_error_is_the_score() -> None:
    chance = np.random.default_rng(1)
    shares = chance.dirichlet(np.full(5, 0.4), 200)
    scores = Scores(chance.integers(0, 5, 200), shares.argmax(axis=1), shares)
    found = reliability(shares.max(axis=1), scores.label == scores.predicted)
    assert scores.calibration_error(np.ones((1, 200))) == pytest.approx([found.error])
