"""Finalists: the best trials and the recipes, trained again with other seeds before the choice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports.text import formats
from reports.text.table import Cell, Column, Row, Table, row
from search.records.events import COMPLETE
from spaces.study import Objective


@dataclass(frozen=True)
class Repeat:
    """One more training of a finalist; `metric` is None where it has no result yet, or failed."""

    seed: int
    trial: int
    metric: float | None
    state: str

    @property
    def counts(self) -> bool:
        """Whether the mean is taken over it."""
        return self.state == COMPLETE and self.metric is not None


@dataclass(frozen=True)
class Finalist:
    """A configuration with its repeats.

    Attributes:
        name: As it is shown.
        trial: In which the search tried it.
        recipe: Its name, if it is one.
        search: Its metric in the search.
        repeats: Its trainings with other seeds.
        mean, std: Of the metric over them; None where there are too few.
    """

    name: str
    trial: int
    recipe: str | None
    search: float | None
    repeats: tuple[Repeat, ...]
    mean: float | None
    std: float | None

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Finalist:
        """Read one of finalists.json."""
        names = ("seed", "trial", "metric", "state")
        repeats = tuple(Repeat(*(value.get(n) for n in names)) for value in values["values"])
        return cls(
            str(values["name"]),
            int(values["trial"]),
            values.get("recipe"),
            values.get("search"),
            repeats,
            values.get("mean"),
            values.get("std"),
        )


@dataclass(frozen=True)
class Finalists:
    """All finalists, and which of them was chosen by its mean.

    Attributes:
        seeds: Trainings that each is to have.
        finalists: Best first, recipes among them.
        chosen: Trial of the chosen one; None while none has a mean.
        selection_bias: The chosen one's metric in the search less its mean, the sign so that more
            is more flattering.
        seconds: Device-seconds of all repeats.
    """

    seeds: int
    finalists: tuple[Finalist, ...]
    chosen: int | None
    selection_bias: float | None
    seconds: float

    @property
    def winner(self) -> Finalist | None:
        """The chosen one."""
        return next((one for one in self.finalists if one.trial == self.chosen), None)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Finalists:
        """Read finalists.json."""
        chosen = values.get("chosen")
        return cls(
            int(values["seeds"]),
            tuple(map(Finalist.from_dict, values["finalists"])),
            None if chosen is None else int(chosen),
            values.get("selection_bias"),
            float(values.get("seconds") or 0.0),
        )


def finalists_table(found: Finalists, objective: Objective) -> Table:
    """Each finalist with the spread over its seeds."""
    name = formats.metric_name(objective)
    columns = (
        Column("name", "finalist", is_number=False),
        Column("trial", "trial"),
        Column("search", "in the search"),
        Column("mean", "mean"),
        Column("std", "deviation", is_hidden=True),
        Column("repeats", "seeds"),
        Column("bias", "bias"),
    )
    rows = tuple(_row(one, objective, one.trial == found.chosen) for one in found.finalists)
    caption = (
        f"Finalists, each trained again with other seeds. Chosen by the mean of the {name}, which "
        "stands with the deviation of single trainings; bias is what the search saw less the mean."
    )
    return Table("finalists", caption, columns, rows)


def _row(one: Finalist, objective: Objective, is_chosen: bool) -> Row:
    bias = None if one.search is None or one.mean is None else one.search - one.mean
    is_share = objective.metric == "val_accuracy"
    done = sum(repeat.counts for repeat in one.repeats)
    cells = [
        Cell.of(one.name),
        Cell.of(one.trial),
        Cell.of(one.search, formats.metric(one.search, objective)),
        Cell.of(one.mean, _mean_text(one, objective)),
        Cell.of(one.std),
        Cell.of(done, f"{done} of {len(one.repeats)}"),
        Cell.of(bias, formats.points(bias) if is_share and bias is not None else None),
    ]
    return row(cells, "winner" if is_chosen else None)


def _mean_text(one: Finalist, objective: Objective) -> str:
    text = formats.metric(one.mean, objective)
    if one.std is None:
        return text
    if objective.metric == "val_accuracy":
        return f"{text} ± {100 * one.std:.1f}"
    return f"{text} ± {formats.number(one.std)}"


def bias_sentence(found: Finalists, objective: Objective) -> str:
    """By how much the search's best flattered itself, in words."""
    winner = found.winner
    if winner is None or winner.search is None or winner.mean is None:
        return "No finalist has a mean over seeds yet, so nothing is known of the selection bias."
    values = [formats.metric(v, objective) for v in (winner.search, winner.mean)]
    text = (
        f"{formats.sentence(winner.name)} had {values[0]} in the search and has {values[1]} on the "
        f"mean of {formats.plural(sum(r.counts for r in winner.repeats), 'new seed')}. "
    )
    bias = found.selection_bias
    if bias is None:
        return text.strip()
    if bias <= 0:
        return text + "Its place at the top was no stroke of luck: there is no selection bias."
    size = f"{100 * bias:.1f} points" if objective.metric == "val_accuracy" else f"{bias:.2g}"
    return text + (
        f"The {size} between them are selection bias: the best of many trials is also the one "
        "that was lucky. The mean is the figure to plan by."
    )
