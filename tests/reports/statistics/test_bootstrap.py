"""Tests for bootstrap intervals, against SciPy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics import bootstrap
from reports.statistics.bootstrap import Estimate, estimate


def one_class(images: int) -> np.ndarray:
    return np.zeros(images, int)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("images", [40, 300])
def test_with_one_class_it_is_scipys_bca(images, seed) -> None:
    """On a skewed statistic, where percentile, basic and BCa intervals are far apart."""
    values = np.random.default_rng(seed).exponential(size=images) ** 2
    found = estimate(values, one_class(images), seed, resamples=8000)
    reference = stats.bootstrap(
        (values,), np.mean, method="BCa", n_resamples=8000, rng=np.random.default_rng(seed)
    ).confidence_interval
    width = reference.high - reference.low
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(reference.low, abs=0.04 * width)
    assert found.high == pytest.approx(reference.high, abs=0.06 * width)


def test_with_several_classes_it_is_scipys_of_several_samples() -> None:
    """SciPy draws each sample on its own, as we do each class; the mean weighs them by size."""
    chance = np.random.default_rng(3)
    samples = [chance.exponential(scale, n) ** 2 for scale, n in ((0.3, 120), (1, 60), (3, 20))]
    label = np.repeat([0, 1, 2], [120, 60, 20])
    found = estimate(np.concatenate(samples), label, resamples=8000)

    def mean(*parts, axis):
        return sum(np.sum(part, axis=axis) for part in parts) / 200

    reference = stats.bootstrap(
        samples, mean, method="BCa", n_resamples=8000, rng=chance
    ).confidence_interval
    width = reference.high - reference.low
    assert found.low == pytest.approx(reference.low, abs=0.05 * width)
    assert found.high == pytest.approx(reference.high, abs=0.06 * width)
    alone = estimate(np.concatenate(samples), one_class(200), resamples=8000)
    assert alone.high - alone.low > 1.05 * width, "what differs between classes is no uncertainty"


def test_each_resample_has_as_many_images_of_each_class() -> None:
    label = np.array([0] * 50 + [1] * 3 + [2])
    drawn = np.concatenate(list(bootstrap._draws(label, 0, 300)))
    assert drawn.shape == (300, 54)
    for one, count in ((0, 50), (1, 3), (2, 1)):
        assert set(drawn[:, label == one].sum(axis=1)) == {count}


def test_a_seed_is_the_same_resamples(monkeypatch) -> None:
    values = np.random.default_rng(1).random(90)
    label = np.arange(90) % 3
    first = estimate(values, label, seed=4)
    assert estimate(values, label, seed=4) == first
    assert estimate(values, label, seed=5) != first
    monkeypatch.setattr(bootstrap, "_CELLS", 1000)
    parts = estimate(values, label, seed=4)
    assert parts.value == first.value
    assert parts.low == pytest.approx(first.low, abs=0.02)


@pytest.mark.parametrize("images", [1, 50])
def test_without_any_difference_there_is_no_interval(images) -> None:
    assert estimate(np.ones(images), one_class(images)) == Estimate(1.0, None, None)


def test_no_image_is_refused() -> None:
    with pytest.raises(ValueError, match="images"):
        estimate(np.ones(0), one_class(0))
