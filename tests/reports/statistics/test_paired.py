"""Tests for paired comparisons: on known numbers, and by adding up all outcomes exactly."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom, binomtest

from reports.statistics.paired import LEVEL, MARGIN, Paired, holm


def pair(both: int, only_first: int, only_second: int, neither: int) -> Paired:
    counts = [both, only_first, only_second, neither]
    first, second = np.array([True, True, False, False]), np.array([True, False, True, False])
    return Paired.of(np.repeat(first, counts), np.repeat(second, counts))


@pytest.mark.parametrize(
    ("b", "c", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (2, 8, 2 * (1 + 10 + 45 / 2) / 2**10),
        (8, 2, 2 * (1 + 10 + 45 / 2) / 2**10),
        (0, 6, 1 / 2**6),
    ],
)
def test_p_counts_half_of_what_was_observed(b, c, p) -> None:
    found = pair(794, b, c, 570)
    assert (found.only_first, found.only_second, found.images) == (b, c, 1364 + b + c)
    assert found.p == pytest.approx(p)


@pytest.mark.parametrize(("b", "c"), [(150, 86), (9, 2), (40, 41), (1, 0)])
def test_p_lies_between_two_exact_tests(b, c) -> None:
    """SciPy's exact test counts the whole of what was observed; without it, p is too small."""
    exact = binomtest(b, b + c).pvalue
    observed = 2 * binom.pmf(min(b, c), b + c, 0.5)
    assert Paired(b, c, 1600).p == pytest.approx(min(1, exact - observed / 2), abs=1e-12)


def test_images_on_which_they_agree_do_not_count() -> None:
    assert pair(0, 7, 1, 0).p == pair(9000, 7, 1, 900).p


def test_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        Paired.of(np.ones(3, bool), np.ones(4, bool))


def test_the_interval_is_tangos() -> None:
    """Its ends have a score statistic of ± 1.96, maximised by brute force; (12, 2) of 44."""
    found = Paired(12, 2, 44).interval
    z = [_statistic(end, 12, 2, 44) for end in (found.low, found.high)]
    assert z == pytest.approx([1.959964, -1.959964], abs=1e-5)
    assert Paired(2, 12, 44).interval.low == pytest.approx(-found.high)
    none = Paired(0, 0, 100).interval
    assert none.low == pytest.approx(-none.high)
    assert none.high == pytest.approx(3.8415 / (100 + 3.8415), abs=1e-4), "as Wilson's of 0 of 100"
    assert Paired(5, 0, 5).interval.high == 1
    assert Paired(0, 5, 5).interval.low == -1


def _statistic(difference: float, b: int, c: int, n: int) -> float:
    """Tango's statistic with q maximised numerically, not by his formula."""
    q = np.linspace(max(0, -difference) + 1e-9, (1 - difference) / 2 - 1e-9, 400_001)
    log = b * np.log(q + difference) + c * np.log(q) + (n - b - c) * np.log(1 - 2 * q - difference)
    best = q[np.argmax(log)]
    return (b - c - n * difference) / math.sqrt(n * (2 * best + difference - difference**2))


@pytest.mark.parametrize("n", [60, 360, 5000])
def test_the_interval_leaves_out_zero_if_and_only_if_the_test_rejects(n) -> None:
    checked = 0
    for b in range(61):
        for c in range(min(61, n + 1 - b)):
            found = Paired(b, c, n)
            has_zero = found.interval.contains(0)
            assert has_zero is (found.p >= LEVEL), (b, c)
            assert (found.outcome() in ("better", "worse")) is not has_zero
            checked += 1
    assert checked >= 1800


def distribution(n: int, p_first: float, p_second: float):
    """Every (b, c) that is not negligible, with its probability."""
    for b in range(int(binom.ppf(1e-6, n, p_first)), int(binom.isf(1e-6, n, p_first)) + 1):
        share = p_second / (1 - p_first)
        c = np.arange(int(binom.ppf(1e-6, n - b, share)), int(binom.isf(1e-6, n - b, share)) + 1)
        for one, weight in zip(
            c, binom.pmf(b, n, p_first) * binom.pmf(c, n - b, share), strict=True
        ):
            yield Paired(b, int(one), n), float(weight)


@pytest.mark.parametrize("disagreement", [0.01, 0.03, 0.1, 0.3])
@pytest.mark.parametrize("n", [60, 100, 360, 656])
def test_equal_models_are_told_apart_in_at_most_5_percent(n, disagreement) -> None:
    """Exactly: the probabilities of all outcomes are added up, nothing is drawn."""
    rate = sum(
        weight
        for found, weight in distribution(n, disagreement / 2, disagreement / 2)
        if found.outcome() in ("better", "worse")
    )
    assert rate <= LEVEL


@pytest.mark.parametrize(
    ("n", "disagreement", "difference"),
    [(360, 0.05, 0.0), (360, 0.05, 0.02), (360, 0.1, 0.05), (656, 0.1, 0.01), (2000, 0.02, 0.005)],
)
def test_the_interval_covers_the_truth_in_95_percent(n, disagreement, difference) -> None:
    ends = (disagreement + difference) / 2, (disagreement - difference) / 2
    covered = sum(w for found, w in distribution(n, *ends) if found.interval.contains(difference))
    assert 0.945 <= covered <= 0.96


@pytest.mark.parametrize(("n", "disagreement"), [(360, 0.05), (656, 0.1), (2000, 0.1)])
def test_the_detectable_difference_shows_in_four_of_five_cases(n, disagreement) -> None:
    difference = Paired(round(n * disagreement), 0, n).detectable
    ends = (disagreement + difference) / 2, (disagreement - difference) / 2
    power = sum(w for found, w in distribution(n, *ends) if found.outcome() == "better")
    assert 0.76 <= power <= 0.86


def test_equal_needs_an_interval_within_the_margin() -> None:
    assert MARGIN == 0.01
    assert Paired(30, 28, 10_000).outcome() == "equal"
    assert Paired(3, 2, 360).outcome() == "open", "the interval is wider than the margin"
    assert Paired(9, 2, 60).outcome() == "better"
    assert Paired(9, 2, 60).outcome(p=0.11) == "open", "after a correction"
    assert Paired(2, 9, 60).outcome() == "worse"


@pytest.mark.parametrize(
    ("raw", "corrected"),
    [
        ([], []),
        ([0.03], [0.03]),
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),  # as R's p.adjust has it
        ([0.5, 0.9], [1.0, 1.0]),
        ([0.02, 0.02, 0.02], [0.06, 0.06, 0.06]),
    ],
)
def test_holm(raw, corrected) -> None:
    assert holm(raw) == pytest.approx(corrected)
