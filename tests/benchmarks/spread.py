"""Whether accuracies lie within what plain Keras gets from one seed to the next."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from tests.benchmarks.results import Entry

COVERED = 0.99
"""Share of plain Keras's own trainings that the interval would hold."""

VALIDATION_IMAGES = 360


def interval(accuracies: Sequence[float]) -> tuple[float, float]:
    """Where one more training with another seed would lie: a prediction interval.

    It takes the accuracies for normal, and is never narrower than one image to either side. The
    range of five seeds itself would miss one in three of plain Keras's own trainings.

    Raises:
        ValueError: If there are fewer than two.
    """
    from scipy.stats import t as students_t

    count = len(accuracies)
    if count < 2:
        raise ValueError(f"a spread needs two seeds or more, there is {count}")
    mean, deviation = statistics.fmean(accuracies), statistics.stdev(accuracies)
    factor = float(students_t.ppf((1 + COVERED) / 2, count - 1))
    half = max(factor * deviation * math.sqrt(1 + 1 / count), 1 / VALIDATION_IMAGES)
    return mean - half, mean + half


def compared(accuracies: Sequence[float], spread: Sequence[Sequence[float]]) -> dict[str, Any]:
    """How many configurations lie within, and by how much all differ on average.

    Args:
        accuracies: Of each configuration, at least as many as the spread has.
        spread: Of each configuration, one a seed.
    """
    within = [
        low <= accuracy <= high
        for accuracy, (low, high) in zip(accuracies, map(interval, spread), strict=False)
    ]
    differences = [
        accuracy - statistics.fmean(seeds)
        for accuracy, seeds in zip(accuracies, spread, strict=False)
    ]
    return {
        "within": sum(within),
        "of": len(within),
        "mean_difference": round(statistics.fmean(differences), 5),
    }


def with_spread(entries: Mapping[str, Entry]) -> dict[str, Entry]:
    """Entries with `spread` in all that have `accuracies` of the same length of training."""
    plain = entries.get("spread", {})
    return {
        key: one | {"spread": compared(one["accuracies"], plain["by_seed"])}
        if plain.get("by_seed") and one.get("accuracies") and one["size"] == plain["size"]
        else one
        for key, one in entries.items()
    }
