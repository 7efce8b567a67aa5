"""The figure of the metric by learning rate and unfrozen depth."""

from __future__ import annotations

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.analysis.curves import sensible_limits
from reports.analysis.hyperparameters.depth_grid import DepthGrid
from reports.figures.style import INK, new_figure
from reports.text import formats
from spaces.studies.study import Objective


def draw_depth_grid(grid: DepthGrid, objective: Objective) -> Figure:
    """The best metric in each cell, as a colour and a number, with the number of trials."""
    figure, axes = new_figure(1.3 + 0.5 * len(grid.depths))
    axes.set_facecolor("#f6f8fa")
    finite = grid.best[np.isfinite(grid.best)].tolist()
    low, high = sensible_limits(finite, [max(finite) if objective.mode == "max" else min(finite)])
    name = "cividis_r" if objective.mode == "max" else "cividis"
    axes.pcolormesh(
        np.ma.masked_invalid(grid.best),
        cmap=name,
        vmin=low,
        vmax=high,
        edgecolors="white",
        linewidth=2,
    )
    axes.invert_yaxis()
    axes.grid(visible=False)
    _write(axes, grid, low, high, name, objective)
    axes.set_yticks(np.arange(len(grid.depths)) + 0.5, [_range(*d) for d in grid.depths])
    axes.set_xticks(range(len(grid.edges)), [f"{edge:.1e}" for edge in grid.edges])
    axes.tick_params(length=0)
    axes.set_ylabel("unfrozen depth")
    axes.set_xlabel(grid.rate.replace("_", " "))
    return figure


def _write(
    axes: Axes, grid: DepthGrid, low: float, high: float, name: str, objective: Objective
) -> None:
    for (row, column), value in np.ndenumerate(grid.best):
        if not grid.trials[row, column]:
            axes.text(column + 0.5, row + 0.5, formats.MISSING, ha="center", va="center")
            continue
        shade = colormaps[name](float(np.clip((value - low) / (high - low), 0, 1)))
        is_dark = np.dot(shade[:3], (0.299, 0.587, 0.114)) < 0.5
        text = f"{formats.metric(float(value), objective)}\n{grid.trials[row, column]}×"
        color = "white" if is_dark else INK
        axes.text(
            column + 0.5, row + 0.5, text, ha="center", va="center", fontsize=8.5, color=color
        )


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low}–{high}"
