"""The figure of the metric by one hyperparameter."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from reports.analysis.curves import sensible_limits
from reports.analysis.hyperparameters.slices import Slice
from reports.figures.style import (
    INK,
    ORANGE,
    STATE_LOOKS,
    legend_below,
    new_figure,
    percent_beside,
    shortened,
)
from reports.text import formats
from spaces.studies.study import Objective

_MANY_POINTS = 300
_SPREAD = 0.22


def draw_slice(one: Slice, winner: int | None, objective: Objective) -> Figure:
    """Trials by the hyperparameter; failed ones on the bad edge of the axes."""
    figure, axes = new_figure()
    low, high = _limits(one, winner)
    bad_edge = low if objective.mode == "max" else high
    x, is_many = _x(one), len(one.x) > _MANY_POINTS
    y = np.array([bad_edge if value is None else value for value in one.y])
    for state, look in STATE_LOOKS.items():
        chosen = np.array([s == state for s in one.states])
        if chosen.any():
            axes.plot(
                x[chosen],
                np.clip(y[chosen], low, high),
                look.marker,
                color=look.color,
                markerfacecolor=look.color if look.is_filled else "white",
                markersize=3 if is_many else 5,
                alpha=0.4 if is_many else 0.75,
                linestyle="none",
                label=look.word,
                clip_on=False,
                rasterized=is_many,
            )
    if winner in one.trials:
        at = one.trials.index(winner)
        _draw_star(axes, x[at], y[at])
    axes.set_ylim(low, high)
    _scale_x(axes, one)
    axes.set_title(formats.metric_name(objective))
    if formats.is_share(objective):
        percent_beside(axes)
    legend_below(figure, axes, columns=4 if len(axes.get_lines()) == 4 else 3)
    return figure


def _draw_star(axes: Axes, x: float, y: float) -> None:
    axes.plot(
        x,
        y,
        "*",
        color=ORANGE,
        markeredgecolor=INK,
        markersize=13,
        linestyle="none",
        label="winner",
        zorder=4,
        clip_on=False,
    )


def _limits(one: Slice, winner: int | None) -> tuple[float, float]:
    values = [value for value in one.y if value is not None]
    always = [v for t, v in zip(one.trials, one.y, strict=True) if t == winner and v is not None]
    low, high = sensible_limits(values, always)
    return low, high


def _x(one: Slice) -> NDArray[np.float64]:
    """Positions on the axis; trials of a category stand side by side, always in the same order."""
    if not one.categories:
        return np.array(one.x, dtype=np.float64)
    golden = (math.sqrt(5) - 1) / 2
    aside = [_SPREAD * (2 * (trial * golden % 1) - 1) for trial in one.trials]
    return np.add(one.x, aside)


def _scale_x(axes: Axes, one: Slice) -> None:
    axes.set_xlabel(one.name.replace("_", " "))
    if one.categories:
        axes.set_xticks(range(len(one.categories)), [shortened(c, 14) for c in one.categories])
        axes.set_xlim(-0.5, len(one.categories) - 0.5)
        axes.grid(visible=False, axis="x")
        if sum(len(category) for category in one.categories) > 36:
            axes.tick_params(axis="x", labelrotation=40)
    elif one.is_log:
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: _minor_tick(one, value)))
    elif all(value.is_integer() for value in one.x):
        axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))


def _minor_tick(one: Slice, value: float) -> str:
    """Label 2 and 5 between the decades if there are few decades."""
    is_narrow = max(one.x) / min(one.x) < 100
    return f"{value:g}" if is_narrow and f"{value:e}"[0] in "25" else ""
