"""Configurations compared over seeds and images, against the tests that are its two extremes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from reports.statistics.repeated import FEWEST_SEEDS, Repeated


def test_where_seeds_make_no_difference_it_is_the_paired_test_of_images() -> None:
    chance = np.random.default_rng(0)
    first, second = (chance.random((2, 400)) < np.array([[0.9], [0.86]]))[:, None].repeat(4, 1)
    found = Repeated.of(first, second)
    differences = first[0].astype(float) - second[0]
    error = differences.std(ddof=1) / 400**0.5
    expected = stats.norm.interval(0.95, differences.mean(), error)
    assert (found.interval.low, found.interval.high) == pytest.approx(expected)
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(differences.mean()) / error))


def test_where_images_make_no_difference_it_is_welchs_test_of_seeds() -> None:
    seeds = np.array([[1, 1, 0, 1, 1, 0, 1], [0, 0, 1, 0, 0, 0, 0]], bool)
    first, second = (row[:, None].repeat(500, axis=1) for row in seeds)
    found = Repeated.of(first, second)
    expected = stats.ttest_ind(*seeds.astype(float), equal_var=False)
    assert found.p == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval()
    assert (found.interval.low, found.interval.high) == pytest.approx((interval.low, interval.high))
    assert found.outcome() == "better"


def test_models_that_agree_on_everything_are_not_known_to_be_equal_from_few_images() -> None:
    few, many = (np.ones((3, images), bool) for images in (60, 2000))
    assert Repeated.of(few, few).outcome() == "open"
    assert Repeated.of(many, many).outcome() == "equal"
    assert Repeated.of(many, many).p == 1


def test_the_verdict_and_its_interval_agree() -> None:
    chance = np.random.default_rng(1)
    for _ in range(200):
        first, second = chance.random((2, 3, 200)) < chance.uniform(0.6, 0.9, (2, 3, 1))
        found = Repeated.of(first, second)
        assert (found.p < 0.05) == (not found.interval.contains(0))
        assert (found.outcome() in ("better", "worse")) == (found.p < 0.05)


@pytest.mark.parametrize(
    ("first", "second"),
    [((FEWEST_SEEDS - 1, 9), (FEWEST_SEEDS - 1, 9)), ((3, 9), (3, 8)), ((3, 1), (3, 1))],
)
def test_too_few_or_different_ones_are_refused(first, second) -> None:
    with pytest.raises(ValueError, match="must be the same, with 3 seeds and 2 images or more"):
        Repeated.of(np.zeros(first, bool), np.zeros(second, bool))
