"""Parallel coordinates, from top to bottom, so that they fit on a phone."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from reports.analysis.hyperparameters.parallel import Parallel
from reports.figures.style import GREY, INK, ORANGE, new_figure, shortened

_MANY = 200
"""With this many lines or more, they become an image inside the SVG."""
_ABSENT = 1.12
"""Where a line passes an axis on which it has no value."""


def draw_parallel(found: Parallel, winner: int | None, metric: str) -> Figure:
    """A row for each hyperparameter, the metric's last; the best trials darkest.

    Args:
        found: What to draw.
        winner: Number of the trial to be marked.
        metric: What the last axis is called.
    """
    figure, axes = new_figure(0.9 + 0.66 * len(found.axes))
    places = np.array(
        [[_ABSENT if x is None else x for x in axis.places] for axis in found.axes]
    )  # (axes, trials)
    _draw_lines(axes, found, places)
    if winner in found.trials:
        at = found.trials.index(winner)
        axes.plot(places[:, at], range(len(places)), color=INK, linewidth=2.2, zorder=4)
        stars: dict[str, Any] = {"color": ORANGE, "markeredgecolor": INK, "markersize": 10}
        axes.plot(places[:, at], range(len(places)), "*", linestyle="none", zorder=5, **stars)
    for row, axis in enumerate(found.axes):
        _draw_axis(axes, row, axis.name.replace("_", " "), axis.ticks, places[row], metric, found)
    axes.set_xlim(-0.03, _ABSENT + 0.04)
    axes.set_ylim(len(found.axes) - 0.55, -0.5)
    axes.set_axis_off()
    colors = ScalarMappable(cmap=colormaps["cividis_r"])
    bar = figure.colorbar(
        colors, ax=axes, orientation="horizontal", shrink=0.5, aspect=30, pad=0.01
    )
    bar.set_ticks([0, 1], labels=["worst trial", "best trial"])
    bar.outline.set_visible(False)
    return figure


def _draw_lines(axes: Axes, found: Parallel, places: np.ndarray) -> None:
    rows = np.arange(len(found.axes), dtype=float)
    lines = [np.column_stack([places[:, i], rows]) for i in range(len(found.trials))]
    is_many = len(lines) > _MANY
    axes.add_collection(
        LineCollection(
            lines,
            colors=colormaps["cividis_r"](found.ranks),
            linewidths=0.5 if is_many else 1.0,
            alpha=0.45 if is_many else 0.8,
            rasterized=is_many,
            zorder=2,
        )
    )


def _draw_axis(
    axes: Axes,
    row: int,
    name: str,
    ticks: tuple[tuple[float, str], ...],
    places: np.ndarray,
    metric: str,
    found: Parallel,
) -> None:
    axes.plot([0, 1], [row, row], color=GREY, linewidth=1, zorder=3)
    label = metric if row == len(found.axes) - 1 else name
    box = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.85}
    axes.text(0, row - 0.14, label, fontsize=9.5, color=INK, va="bottom", zorder=6, bbox=box)
    most = max(4, 40 // max(1, len(ticks)))
    for place, text in ticks:
        axes.plot([place, place], [row - 0.05, row + 0.05], color=GREY, linewidth=1, zorder=3)
        align = "left" if place < 0.02 else "right" if place > 0.98 else "center"
        shown = shortened(text, most)
        axes.text(place, row + 0.1, shown, fontsize=8, ha=align, va="top", zorder=6, bbox=box)
    if np.any(places == _ABSENT):
        axes.text(_ABSENT, row + 0.1, "none", fontsize=8, ha="center", va="top", zorder=6, bbox=box)
