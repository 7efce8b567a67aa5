"""Tests for the intervals, against published values."""

from __future__ import annotations

import pytest

from reports.statistics.proportions import Interval, newcombe, wilson, wilson_of_share


def test_wilson() -> None:
    found = wilson(8, 10)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(10, 10).high == pytest.approx(1)
    assert wilson(0, 10).low == pytest.approx(0)
    assert wilson(0, 10).high > 0.2


@pytest.mark.parametrize(("right", "n"), [(0, 3), (8, 10), (353, 360), (656, 656)])
def test_of_whole_numbers_both_are_the_same(right, n) -> None:
    one, other = wilson(right, n), wilson_of_share(right / n, n)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=1e-12)


@pytest.mark.parametrize(("right", "n"), [(0, 0), (11, 10), (-1, 10)])
def test_wilson_refuses_what_is_no_proportion(right: int, n: int) -> None:
    with pytest.raises(ValueError, match="must be"):
        wilson(right, n)


@pytest.mark.parametrize(("share", "n"), [(0.5, 0), (1.1, 10), (-0.1, 10), (float("nan"), 10)])
def test_a_share_that_is_no_proportion_is_refused(share: float, n: int) -> None:
    with pytest.raises(ValueError, match="must be in"):
        wilson_of_share(share, n)


def test_newcombe() -> None:
    """Example (e) of the paper's table II, 9/10 − 3/10, and example (a), 56/70 − 48/80."""
    found = newcombe(0.9, 10, 0.3, 10)
    assert (found.low, found.high) == pytest.approx((0.1705, 0.8090), abs=1e-4)
    found = newcombe(56 / 70, 70, 48 / 80, 80)
    assert (found.low, found.high) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_an_interval_has_an_order() -> None:
    with pytest.raises(ValueError, match="must not be above"):
        Interval(1, 0)
