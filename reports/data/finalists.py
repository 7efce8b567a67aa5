"""Finalists: the best trials and the recipes, trained again with other seeds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

from scipy.stats import t

from reports.text import formats
from reports.text.table import Cell, Column, Row, Table, row
from search.records.events import COMPLETE
from spaces.studies.study import Objective


class Mean(NamedTuple):
    """Mean of a metric over new trainings, and how many these are."""

    mean: float
    seeds: int


@dataclass(frozen=True)
class Repeat:
    """One more training of a finalist; `metric` is None if it has no result yet, or failed."""

    seed: int
    trial: int
    metric: float | None
    state: str

    @property
    def counts(self) -> bool:
        """Whether the mean includes it."""
        return self.state == COMPLETE and self.metric is not None


@dataclass(frozen=True)
class Finalist:
    """A configuration with its repeats.

    Attributes:
        name: The name to show.
        trial: The trial in which the search tried it.
        recipe: Its name, if it is a recipe.
        search: Its metric in the search.
        repeats: Its trainings with other seeds.
        mean, std: Of the metric over the repeats; None if there are too few.
    """

    name: str
    trial: int
    recipe: str | None
    search: float | None
    repeats: tuple[Repeat, ...]
    mean: float | None
    std: float | None

    @property
    def seeds_done(self) -> int:
        """The number of repeats that the mean includes."""
        return sum(repeat.counts for repeat in self.repeats)

    @property
    def standard_error(self) -> float | None:
        """Of the mean over seeds; None with fewer than two."""
        return None if self.std is None else self.std / math.sqrt(self.seeds_done)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Finalist:
        """Read one finalist of finalists.json."""
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
        seeds: Trainings that each finalist gets.
        finalists: Best first, recipes among them.
        chosen: Trial of the chosen one; None while none has a mean.
        selection_bias: The chosen one's metric in the search − its mean, with the sign such that
            a positive value flatters.
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
        return None if self.chosen is None else self.of_trial(self.chosen)

    def of_trial(self, trial: int) -> Finalist | None:
        """The finalist that the search tried as this trial."""
        return next((one for one in self.finalists if one.trial == trial), None)

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
        Column("bias", "search − mean"),
    )
    rows = tuple(_row(one, objective, one.trial == found.chosen) for one in found.finalists)
    caption = (
        f"Finalists, each trained again with other seeds. The best mean of the {name} was chosen; "
        "± is the standard deviation of single trainings."
    )
    return Table("finalists", caption, columns, rows)


def _row(one: Finalist, objective: Objective, is_chosen: bool) -> Row:
    bias = None if one.search is None or one.mean is None else one.search - one.mean
    is_share = formats.is_share(objective)
    cells = [
        Cell.of(one.name),
        Cell.of(one.trial),
        Cell.of(one.search, formats.metric(one.search, objective)),
        Cell.of(one.mean, _mean_text(one, objective)),
        Cell.of(one.std),
        Cell.of(one.seeds_done, f"{one.seeds_done} of {len(one.repeats)}"),
        Cell.of(bias, formats.points(bias) if is_share and bias is not None else None),
    ]
    return row(cells, "winner" if is_chosen else None)


def _mean_text(one: Finalist, objective: Objective) -> str:
    text = formats.metric(one.mean, objective)
    if one.std is None:
        return text
    if formats.is_share(objective):
        return f"{text} ± {100 * one.std:.1f}"
    return f"{text} ± {formats.number(one.std)}"


def bias_sentence(found: Finalists, objective: Objective) -> str:
    """How much the search's value of the winner was luck of its seed, and what that leaves out."""
    winner = found.winner
    if winner is None or winner.search is None or winner.mean is None:
        return "No finalist has a mean over seeds yet, so nothing is known of the selection bias."
    values = [formats.metric(v, objective) for v in (winner.search, winner.mean)]
    text = (
        f"{formats.sentence(winner.name)} had {values[0]} in the search and has {values[1]} as the "
        f"mean of {formats.plural(winner.seeds_done, 'new seed')}. "
    )
    bias, error = found.selection_bias, winner.standard_error
    if bias is None:
        return text.strip()
    is_share = formats.is_share(objective)
    size = f"{formats.points(bias)} points" if is_share else f"{bias:+.2g}".replace("-", "−")
    text += f"The difference is {size}"
    if error is not None:
        spread = f"{100 * error:.1f}" if is_share else f"{error:.2g}"
        text += f", with a standard error of {spread}: {luck(bias, error, winner.seeds_done)}"
    return (
        f"{text}. This measures one part of the selection bias, the luck of the seed, and nothing "
        "else. The new trainings were judged on the validation images that chose the configuration "
        "and its best epoch, and their mean is itself the best of several, so the mean still "
        "flatters; what the model is worth, only the test set says."
    )


def luck(bias: float, error: float, seeds: int) -> str:
    """What the selection bias says, by a t test: few seeds say little of their own spread.

    Args:
        bias: The value in the search − the mean over new seeds.
        error: The standard error of that mean.
        seeds: Of the mean, 2 or more.
    """
    reach = float(t.ppf(0.975, seeds - 1)) * error
    if abs(bias) <= reach:
        return "no more than the seeds differ among themselves"
    return f"the search's value was {'a lucky' if bias > 0 else 'an unlucky'} one"
