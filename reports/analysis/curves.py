"""Learning curves and incumbents, as numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from reports.data.run_data import RunData
from reports.data.working_time import WorkingTime
from search.records.events import FAIL
from search.records.history import History
from search.records.trial import Trial, value_of
from spaces.studies.study import Objective

LEARNING = ("train_accuracy", "val_accuracy", "train_loss", "val_loss")


@dataclass(frozen=True)
class Curve:
    """One quantity of one trial by epoch; non-finite values are gaps."""

    trial: int
    label: str
    state: str
    epochs: tuple[int, ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Step:
    """A new incumbent: an epoch better than all before it.

    `seconds` is working time or device-seconds, as it is in `RecipeMark`.
    """

    seconds: float
    trial: int
    epoch: int
    value: float


@dataclass(frozen=True)
class RecipeMark:
    """The time and the metric of a recipe's best epoch."""

    recipe: str
    seconds: float
    value: float


def curve(trial: Trial, quantity: str, label: str | None = None) -> Curve:
    """A quantity of a trial by epoch; of an epoch trained twice, the later result."""
    by_epoch = {m.epoch: float(getattr(m, quantity)) for m in trial.measurements}
    by_epoch = dict(sorted(by_epoch.items()))
    name = label or trial.recipe or f"trial {trial.number}"
    return Curve(trial.number, name, trial.state, tuple(by_epoch), tuple(by_epoch.values()))


def validation_curves(history: History, objective: Objective) -> list[Curve]:
    """The metric of every trial that has reported, by epoch."""
    curves = [curve(trial, objective.metric) for trial in history.searched]
    return [c for c in curves if c.epochs]


def incumbents(history: History, objective: Objective, time: WorkingTime) -> list[Step]:
    """Each new best value in chronological order, without failed trials."""
    reported = sorted(
        (when, trial.number, m.epoch, value_of(m, objective))
        for trial in history.searched
        if trial.state != FAIL
        for m, when in zip(trial.measurements, trial.times, strict=True)
        if math.isfinite(value_of(m, objective))
    )
    steps: list[Step] = []
    for when, number, epoch, value in reported:
        if not steps or _is_better(value, steps[-1].value, objective):
            steps.append(Step(time.at(when), number, epoch, value))
    return steps


def incumbents_by_cost(history: History, objective: Objective) -> list[Step]:
    """Each new best value by the device-seconds that all trials had used by then.

    The seconds of failed trials count too, though a failed trial is never the best.
    """
    measured = sorted(
        (
            when,
            trial.number,
            m.epoch,
            sum(m.seconds.values()),
            math.nan if trial.state == FAIL else value_of(m, objective),
        )
        for trial in history.searched
        for m, when in zip(trial.measurements, trial.times, strict=True)
    )
    steps: list[Step] = []
    spent = 0.0
    for _, number, epoch, seconds, value in measured:
        spent += seconds
        is_first = math.isfinite(value) and not steps
        if is_first or (steps and _is_better(value, steps[-1].value, objective)):
            steps.append(Step(spent, number, epoch, value))
    return steps


def recipe_costs(data: RunData) -> list[RecipeMark]:
    """The best epoch of every recipe by the device-seconds of its own trial."""
    trials = data.recipe_trials()
    marks = []
    for mark in recipe_marks(data):
        trial = trials[mark.recipe]
        best = trial.best(data.objective) if trial else None
        if trial is not None and best is not None:
            until = [m for m in trial.measurements if m.epoch <= best.epoch]
            spent = math.fsum(sum(m.seconds.values()) for m in until)
            marks.append(RecipeMark(mark.recipe, spent, mark.value))
    return marks


def recipe_marks(data: RunData) -> list[RecipeMark]:
    """The best epoch of every recipe that has a result."""
    marks = []
    for name, trial in data.recipe_trials().items():
        best = trial.best(data.objective) if trial and trial.state != FAIL else None
        if trial is not None and best is not None:
            when = trial.times[trial.measurements.index(best)]
            value = value_of(best, data.objective)
            marks.append(RecipeMark(name, data.working_time.at(when), value))
    return marks


def learning_curves(data: RunData, quantity: str, most: int = 8) -> list[Curve]:
    """A quantity of the winner and of the best recipes, at most `most` curves in all."""
    winner = data.winner
    marks = sorted(recipe_marks(data), key=lambda m: m.value, reverse=data.objective.mode == "max")
    trials = data.recipe_trials()
    curves = [] if winner is None else [curve(winner, quantity, _winner_label(winner))]
    for mark in marks:
        trial = trials[mark.recipe]
        if trial is not None and (winner is None or trial.number != winner.number):
            curves.append(curve(trial, quantity))
    return curves[:most]


def sensible_limits(values: Iterable[float], always: Sequence[float] = ()) -> tuple[float, float]:
    """Limits of an axis on which a few outliers do not flatten everything else.

    They are those of the data, but at most six interquartile ranges away from its middle half;
    values of `always` are inside in any case. Without a finite value they are 0 and 1.
    """
    finite = sorted(value for value in (*values, *always) if math.isfinite(value))
    if not finite:
        return 0.0, 1.0
    q1, q3 = finite[len(finite) // 4], finite[(3 * len(finite)) // 4]
    reach = 6 * (q3 - q1) or math.inf
    inside = [value for value in finite if q1 - reach <= value <= q3 + reach]
    inside += [value for value in always if math.isfinite(value)]
    low, high = min(inside), max(inside)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 1e-3
    return low - margin, high + margin


def _is_better(value: float, than: float, objective: Objective) -> bool:
    return value > than if objective.mode == "max" else value < than


def _winner_label(winner: Trial) -> str:
    return f"winner: {winner.recipe or f'trial {winner.number}'}"
