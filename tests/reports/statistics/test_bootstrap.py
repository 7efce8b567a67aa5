"""Tests for bootstrap intervals, against scipy and against intervals in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics import bootstrap
from reports.statistics.bootstrap import Estimate, estimate
from reports.statistics.proportions import wilson
from reports.statistics.scores import Scores


def mean_of(values: np.ndarray) -> bootstrap.Score:
    return lambda weights: weights @ values / weights.sum(axis=1)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("images", [40, 300])
def test_it_is_scipys_bca(images, seed) -> None:
    """On a skewed statistic, where percentile, basic and BCa intervals are far apart."""
    values = np.random.default_rng(seed).exponential(size=images) ** 2
    found = estimate(mean_of(values), images, seed, resamples=8000)
    reference = stats.bootstrap(
        (values,), np.mean, method="BCa", n_resamples=8000, rng=np.random.default_rng(seed)
    ).confidence_interval
    width = reference.high - reference.low
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(reference.low, abs=0.04 * width)
    assert found.high == pytest.approx(reference.high, abs=0.06 * width)


@pytest.mark.parametrize("share", [0.5, 0.9])
def test_an_accuracys_interval_is_about_wilsons(share) -> None:
    right = np.arange(2000) < 2000 * share
    found = estimate(mean_of(right.astype(float)), 2000)
    closed = wilson(share, 2000)
    assert found.low == pytest.approx(closed.low, abs=0.003)
    assert found.high == pytest.approx(closed.high, abs=0.003)


def test_many_images_are_left_out_in_groups(monkeypatch) -> None:
    values = np.random.default_rng(5).exponential(size=1200)
    grouped = estimate(mean_of(values), 1200)
    monkeypatch.setattr(bootstrap, "_GROUPS", 1200)
    assert grouped.low == pytest.approx(estimate(mean_of(values), 1200).low, abs=2e-3)


def test_a_seed_is_the_same_resamples_and_parts_do_not_change_them(monkeypatch) -> None:
    values = np.random.default_rng(1).random(90)
    first = estimate(mean_of(values), 90, seed=4)
    monkeypatch.setattr(bootstrap, "_CELLS", 1000)
    assert estimate(mean_of(values), 90, seed=4) == first
    assert estimate(mean_of(values), 90, seed=5) != first


@pytest.mark.parametrize("images", [1, 50])
def test_without_any_difference_there_is_no_interval(images) -> None:
    assert estimate(mean_of(np.ones(images)), images) == Estimate(1.0, None, None)


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """95 % of 200 intervals: fewer than 90 % or more than 99 % has a chance below 1 in 300."""
    chance = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        found = estimate(mean_of(chance.exponential(size=150)), 150, resamples=500)
        held += found.low <= 1 <= found.high
    assert 0.88 <= held / 200 <= 0.99


def test_the_calibration_error_is_inside_its_interval() -> None:
    """Resampling makes it larger, so that a plain percentile interval may lie above it."""
    chance = np.random.default_rng(2)
    confidence = chance.uniform(0.5, 1, 500)
    shares = np.stack([confidence, 1 - confidence], axis=1)
    label = (chance.random(500) > confidence).astype(int)
    scores = Scores(label, np.zeros(500, int), shares)
    found = estimate(scores.calibration_error, 500)
    assert found.low <= found.value <= found.high


def test_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="images"):
        estimate(mean_of(np.ones(1)), 0)
