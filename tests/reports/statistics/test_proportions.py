"""Tests for the intervals, against published values."""

from __future__ import annotations

import pytest

from reports.statistics.proportions import Interval, agresti_min, newcombe, wilson


def test_wilson() -> None:
    found = wilson(0.8, 10)
    assert (found.low, found.high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson(1.0, 10).high == pytest.approx(1)
    assert wilson(0.0, 10).low == pytest.approx(0)
    assert wilson(0.0, 10).high > 0.2


@pytest.mark.parametrize(("proportion", "n"), [(0.5, 0), (1.1, 10), (-0.1, 10), (float("nan"), 10)])
def test_wilson_refuses_what_is_no_proportion(proportion: float, n: int) -> None:
    with pytest.raises(ValueError, match="must be in"):
        wilson(proportion, n)


def test_newcombe() -> None:
    """Example (e) of the paper's table II: 9/10 − 3/10."""
    found = newcombe(0.9, 0.3, 10)
    assert (found.low, found.high) == pytest.approx((0.1705, 0.8090), abs=1e-4)


def test_agresti_min() -> None:
    """(b + ½, c + ½) = (20.5, 8.5) of 362: difference 12/362, s² = (29 − 144/362)/362²."""
    found = agresti_min(20, 8, 360)
    assert (found.low + found.high) / 2 == pytest.approx(12 / 362)
    assert (found.high - found.low) / 2 == pytest.approx(1.959964 * (29 - 144 / 362) ** 0.5 / 362)
    assert agresti_min(0, 0, 360).low < 0 < agresti_min(0, 0, 360).high
    assert agresti_min(8, 20, 360).low == pytest.approx(-found.high)


def test_a_handful_of_images_is_no_difference() -> None:
    assert agresti_min(4, 0, 360).low < 0
    assert agresti_min(6, 0, 360).low > 0


def test_an_interval_has_an_order() -> None:
    with pytest.raises(ValueError, match="must not be above"):
        Interval(1, 0)
