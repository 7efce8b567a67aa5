"""Learning rate by unfrozen depth: the best metric in each cell of a grid."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.data.run_data import RunData
from search.records.events import FAIL
from search.records.trial import value_of

RATES = ("thaw_learning_rate", "learning_rate")
DEPTH = "unfrozen_depth"
_MOST_COLUMNS, _MOST_ROWS = 5, 7


@dataclass(frozen=True)
class DepthGrid:
    """Cells of learning rate (columns) and unfrozen depth (rows, the deepest first).

    Attributes:
        rate: Name of the hyperparameter.
        edges: Of the columns, learning rates, one more than there are columns.
        depths: Smallest and largest depth of each row.
        best: Best metric in each cell, NaN where no trial is.
        trials: In each cell.
    """

    rate: str
    edges: tuple[float, ...]
    depths: tuple[tuple[int, int], ...]
    best: NDArray[np.float64]
    trials: NDArray[np.int64]


def depth_grids(data: RunData) -> list[DepthGrid]:
    """One grid for each searched learning rate, if the depth is searched too."""
    if DEPTH not in data.searched:
        return []
    found = [_grid(data, rate) for rate in RATES if rate in data.searched]
    return [grid for grid in found if grid is not None]


def _grid(data: RunData, rate: str) -> DepthGrid | None:
    points = [
        (getattr(trial.point, rate), trial.point.unfrozen_depth, value_of(best, data.objective))
        for trial in data.trials
        if trial.state != FAIL
        and getattr(trial.point, rate) is not None
        and (best := trial.best(data.objective)) is not None
    ]
    rates = sorted({point[0] for point in points})
    if len(rates) < 2:
        return None
    edges = np.geomspace(rates[0], rates[-1], min(_MOST_COLUMNS, len(rates)) + 1)
    depths = _depth_rows([point[1] for point in points])
    return _filled(rate, points, edges, depths, data.objective.mode == "max")


def _filled(
    rate: str,
    points: list[tuple[float, int, float]],
    edges: NDArray[np.float64],
    depths: list[tuple[int, int]],
    larger_is_better: bool,
) -> DepthGrid:
    best = np.full((len(depths), len(edges) - 1), math.nan)
    trials = np.zeros(best.shape, np.int64)
    pick = np.fmax if larger_is_better else np.fmin
    for value, depth, metric in points:
        column = int(np.clip(np.searchsorted(edges, value, "right") - 1, 0, len(edges) - 2))
        row = next(i for i, (low, high) in enumerate(depths) if low <= depth <= high)
        best[row, column] = pick(best[row, column], metric)
        trials[row, column] += 1
    return DepthGrid(rate, tuple(edges.tolist()), tuple(depths), best, trials)


def _depth_rows(depths: list[int]) -> list[tuple[int, int]]:
    """Each depth that occurs, the deepest first; many are grouped in ranges of equal size."""
    distinct = np.unique(depths)
    parts = np.array_split(distinct, min(_MOST_ROWS, len(distinct)))
    return [(int(part[0]), int(part[-1])) for part in reversed(parts)]
