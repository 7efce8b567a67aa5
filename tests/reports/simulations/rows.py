"""Rows of the table of simulations: a rate, its bound, and how they are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

Bound = Literal[
    "at most 5 %",
    "at most 6 %",
    "about 5 %",
    "93 to 97 %",
    "at least 90 %",
    "at least 93 %",
    "at least 95 %",
    "about 80 %",
    "as it comes",
]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        claim: What the page says, or which interval it shows.
        truth: What holds in the simulation.
        setting: Images and trials.
        bound: What the rate must be.
        rate: How often the claim was made, or the interval covered the truth.
        error: Monte Carlo standard error of the rate.
        repetitions: The number of test sets, or searches, that it was counted in.
    """

    claim: str
    truth: str
    setting: str
    bound: Bound
    rate: float
    error: float
    repetitions: int

    @property
    def name(self) -> tuple[str, str, str, str]:
        """All of it but what was measured."""
        return self.claim, self.truth, self.setting, self.bound

    def holds(self, errors: float = 0.0) -> bool:
        """Whether the rate is within its bound, give or take so many Monte Carlo errors."""
        low, high = LIMITS[self.bound]
        slack = errors * self.error
        return low - slack <= self.rate <= high + slack


LIMITS: dict[str, tuple[float, float]] = {
    "at most 5 %": (0, 0.05),
    "at most 6 %": (0, 0.06),
    "about 5 %": (0.04, 0.06),
    "93 to 97 %": (0.93, 0.97),
    "at least 90 %": (0.9, 1),
    "at least 93 %": (0.93, 1),
    "at least 95 %": (0.95, 1),
    "about 80 %": (0.75, 0.85),
    "as it comes": (0, 1),
}


def row_of(
    claim: str, truth: str, setting: str, bound: Bound, hits: Sequence[bool] | Sequence[list[bool]]
) -> Row:
    """The rate, with its error from what is independent: the outer list."""
    by_run = np.asarray(hits, dtype=float)
    means = by_run if by_run.ndim == 1 else by_run.mean(axis=1)
    error = float(means.std(ddof=1) / len(means) ** 0.5)
    return Row(claim, truth, setting, bound, float(means.mean()), error, by_run.size)


def table(rows: list[Row]) -> str:
    """The rows in Markdown."""
    lines = [
        "| The page says | Truth | Setting | Must be | Found | ± | Of |",
        "|---|---|---|---|--:|--:|--:|",
    ]
    lines += [
        f"| {' | '.join(row.name)} | {100 * row.rate:.1f} % | {100 * row.error:.1f} "
        f"| {row.repetitions:,} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"
