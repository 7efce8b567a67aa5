"""Tests for McNemar's test and Holm's correction, on known numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reports.statistics.mcnemar import holm, mcnemar


def pair(both: int, only_first: int, only_second: int, neither: int):
    counts = [both, only_first, only_second, neither]
    first, second = np.array([True, True, False, False]), np.array([True, False, True, False])
    return np.repeat(first, counts), np.repeat(second, counts)


@pytest.mark.parametrize(
    ("b", "c", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (2, 8, 2 * (1 + 10 + 45) / 2**10),
        (8, 2, 2 * (1 + 10 + 45) / 2**10),
        (0, 6, 2 / 2**6),
        (150, 86, 2 * sum(math.comb(236, k) for k in range(87)) / 2**236),  # Agresti's approval
    ],
)
def test_p_is_the_binomial_tail(b, c, p) -> None:
    found = mcnemar(*pair(794, b, c, 570))
    assert (found.only_first, found.only_second) == (b, c)
    assert found.p == pytest.approx(p)


def test_images_on_which_they_agree_do_not_count() -> None:
    assert mcnemar(*pair(0, 7, 1, 0)).p == mcnemar(*pair(9000, 7, 1, 900)).p


def test_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="same images"):
        mcnemar(np.ones(3, bool), np.ones(4, bool))


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
