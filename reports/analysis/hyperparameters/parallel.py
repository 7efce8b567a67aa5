"""Parallel coordinates: every trial as a line through its hyperparameters to its metric."""

from __future__ import annotations

from dataclasses import dataclass

from reports.analysis.curves import sensible_limits
from reports.analysis.hyperparameters.axes import Axis, axis
from reports.data.run_data import RunData
from reports.text import formats
from search.records.events import FAIL
from search.records.trial import value_of


@dataclass(frozen=True)
class Parallel:
    """Trials with a result, the worst first, so that the best are drawn on top.

    Attributes:
        axes: One for each searched hyperparameter, then the metric's.
        trials: Their numbers.
        ranks: From 0 (worst) to 1 (best), by the order of the metric.
    """

    axes: tuple[Axis, ...]
    trials: tuple[int, ...]
    ranks: tuple[float, ...]


def parallel(data: RunData) -> Parallel | None:
    """The lines; None with fewer than two trials or no hyperparameter."""
    scored = [
        (value_of(best, data.objective), trial)
        for trial in data.trials
        if trial.state != FAIL and (best := trial.best(data.objective)) is not None
    ]
    if len(scored) < 2 or not data.searched:
        return None
    scored.sort(key=lambda pair: pair[0], reverse=data.objective.mode == "min")
    parameters = data.study.search_space.parameters
    axes = [
        axis(
            name,
            [p for p in parameters if p.name == name],
            [getattr(trial.point, name) for _, trial in scored],
        )
        for name in data.searched
    ]
    axes.append(_metric_axis(data, [value for value, _ in scored]))
    count = len(scored) - 1
    ranks = tuple(index / count for index in range(len(scored)))
    return Parallel(tuple(axes), tuple(trial.number for _, trial in scored), ranks)


def _metric_axis(data: RunData, values: list[float]) -> Axis:
    """The metric's axis; outliers are clipped to its ends."""
    best = max(values) if data.objective.mode == "max" else min(values)
    low, high = sensible_limits(values, [best])
    low, high = max(low, min(values)), min(high, max(values))
    high = high if high > low else low + 1e-9
    places = tuple(min(1.0, max(0.0, (value - low) / (high - low))) for value in values)
    ticks = tuple(
        (share, formats.metric(low + share * (high - low), data.objective))
        for share in (0.0, 0.5, 1.0)
    )
    return Axis(data.objective.metric, ticks, places)
