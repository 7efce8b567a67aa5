"""Relative importance of the hyperparameters, as the search computed it when it ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports.text import formats
from reports.text.table import Cell, Column, Table, row

SURE = 0.95
"""In so large a share of the resamples a hyperparameter must rank first to be called the first."""


@dataclass(frozen=True)
class Weight:
    """Relative importance of one hyperparameter.

    Attributes:
        name: Of the hyperparameter.
        mean: Its relative importance; all add up to 1.
        low, high: The middle 95 % over resamples of the trials; in older runs one standard
            deviation over repeated computations on the same trials.
        first: Share of the resamples in which it ranks first; None in older runs.
    """

    name: str
    mean: float
    low: float
    high: float
    first: float | None = None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Weight:
        """Read one parameter of importance.json; older ones have `std`, not `low` and `high`."""
        mean, std = float(values["mean"]), float(values.get("std") or 0.0)
        low = float(values.get("low", max(0.0, mean - std)))
        high = float(values.get("high", mean + std))
        return cls(str(values["name"]), mean, low, high, values.get("first"))


@dataclass(frozen=True)
class Importance:
    """Relative importance of the searched hyperparameters.

    Attributes:
        epoch: The epoch up to which all trials were compared.
        trials: How many trials got there.
        weights: The largest first.
        method: The importance evaluator; None in older runs, which used fANOVA.
        failed, short: Trials left out because they failed, or ended before that epoch.
        resamples: How often the trials were drawn again.
    """

    epoch: int
    trials: int
    weights: tuple[Weight, ...]
    method: str | None = None
    failed: int = 0
    short: int = 0
    resamples: int = 0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Importance:
        """Read importance.json, of this version or an older one."""
        weights = sorted(map(Weight.from_dict, values["parameters"]), key=lambda w: -w.mean)
        return cls(
            int(values["epoch"]),
            int(values["trials"]),
            tuple(weights),
            values.get("method"),
            int(values.get("failed", 0)),
            int(values.get("short", 0)),
            int(values.get("resamples", 0)),
        )

    @property
    def has_a_first(self) -> bool:
        """Whether it is clear which hyperparameter is the most important one."""
        first = self.weights[0].first if self.weights else None
        return first is not None and first >= SURE

    @property
    def basis(self) -> str:
        """What it was computed from, in words."""
        trials = formats.plural(self.trials, "trial")
        if self.method is None:
            return (
                f"An older version computed this with fANOVA from the {trials} that reached epoch "
                f"{self.epoch}. If the scheduler had stopped others before, these were selected by "
                "their results, which hides what made them good: do not rely on the order."
            )
        left_out = ", ".join(
            f"{formats.plural(count, 'trial')} that {what}"
            for count, what in ((self.failed, "failed"), (self.short, "did not get there"))
            if count
        )
        text = (
            f"Computed with {self.method} from all {trials} that got to epoch {self.epoch}, the "
            "first at which trials are compared, by their best value until then"
        )
        if left_out:
            text += f"; left out: {left_out}"
        return (
            f"{text}. It says what sets the best trials apart from the rest; the ranges are the "
            f"middle 95 % of {self.resamples} resamples of the trials: so much depends on which "
            "trials happened to be tried."
        )


def importance_sentence(found: Importance) -> str:
    """Which hyperparameter mattered most, if that can be said."""
    first = found.weights[0]
    name = formats.sentence(first.name.replace("_", " "))
    share = f"relative importance {first.mean:.2f}"
    if found.method is None:
        return f"{name} comes first, {share}. {found.basis}"
    share = f"{share}, {first.low:.2f} to {first.high:.2f}"
    times = f"first in {100 * (first.first or 0):.0f}{formats.SPACE}% of the resamples"
    if found.has_a_first:
        return f"{name} mattered most: {share}, {times}. {found.basis}"
    return (
        f"Which hyperparameter mattered most could not be told: {name.lower()} comes first "
        f"({share}), but is {times} only. {found.basis}"
    )


def importance_table(found: Importance) -> Table:
    """The hyperparameters, the most important first."""
    columns = (
        Column("name", "hyperparameter", is_number=False),
        Column("importance", "relative importance"),
        Column("low", "from"),
        Column("high", "to"),
        Column("first", "ranks first"),
    )
    rows = [
        row(
            [
                Cell.of(w.name.replace("_", " ")),
                *(Cell.of(v, f"{v:.2f}") for v in (w.mean, w.low, w.high)),
                Cell.of(w.first, formats.percent(w.first, 0)),
            ]
        )
        for w in found.weights
    ]
    caption = (
        f"Relative importance at epoch {found.epoch}, {formats.plural(found.trials, 'trial')}; all "
        "add up to 1."
    )
    return Table("importance", caption, columns, tuple(rows))
