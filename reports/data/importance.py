"""Which hyperparameters mattered: what the search computed when it ended, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports.text import formats
from reports.text.table import Cell, Column, Table, row


@dataclass(frozen=True)
class Weight:
    """Share of the metric's variance that one hyperparameter explains, with its deviation."""

    name: str
    mean: float
    std: float


@dataclass(frozen=True)
class Importance:
    """Importance of the searched hyperparameters.

    Attributes:
        epoch: At which all trials were compared, so that none had more training than another.
        trials: How many had come that far.
        sample: How many of them each random forest saw.
        weights: The largest first.
    """

    epoch: int
    trials: int
    sample: int
    weights: tuple[Weight, ...]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Importance:
        """Read importance.json."""
        weights = [
            Weight(str(w["name"]), float(w["mean"]), float(w.get("std") or 0.0))
            for w in values["parameters"]
        ]
        weights.sort(key=lambda weight: -weight.mean)
        trials = int(values["trials"])
        sample = int(values.get("sample", trials))
        return cls(int(values["epoch"]), trials, sample, tuple(weights))

    @property
    def fidelity(self) -> str:
        """What it rests on, in words."""
        text = (
            f"All trials are compared by what they had reached at epoch {self.epoch}, those that "
            f"went on for longer as well: {formats.plural(self.trials, 'trial')} came that far."
        )
        if self.sample < self.trials:
            text += f" Each forest saw {self.sample} of them, drawn at random."
        return text


def importance_table(found: Importance) -> Table:
    """The hyperparameters, the most important first."""
    columns = (
        Column("name", "hyperparameter", is_number=False),
        Column("mean", "importance"),
        Column("std", "deviation"),
    )
    rows = [
        row([Cell.of(w.name.replace("_", " ")), *(Cell.of(v, f"{v:.2f}") for v in (w.mean, w.std))])
        for w in found.weights
    ]
    caption = (
        f"Importance at epoch {found.epoch}, {formats.plural(found.trials, 'trial')}: shares of "
        "the metric's variance, with their deviation when it is computed again."
    )
    return Table("importance", caption, columns, tuple(rows))
