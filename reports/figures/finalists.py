"""The figure of the finalists: a point for each seed, their mean, and the search's result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from reports.data.finalists import Finalist, Finalists
from reports.figures.style import BLUE, GREY, INK, ORANGE, legend_below, new_figure, shortened
from reports.text import formats
from spaces.studies.study import Objective

_ASIDE = (0.0, 0.16, -0.16, 0.08, -0.08, 0.24, -0.24)


def draw_finalists(found: Finalists, objective: Objective) -> Figure:
    """A row for each finalist, the best mean on top."""
    figure, axes = new_figure(1.5 + 0.42 * len(found.finalists))
    rows = _ranked(found.finalists, objective)
    for row, one in enumerate(rows):
        _draw_row(axes, row, one, is_first=row == 0)
        if one.trial == found.chosen and one.mean is not None:
            look: dict[str, Any] = {"color": ORANGE, "markeredgecolor": INK, "markersize": 13}
            axes.plot(one.mean, row, "*", linestyle="none", label="chosen", zorder=5, **look)
    axes.set_yticks(range(len(rows)), [shortened(one.name) for one in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(formats.metric_name(objective))
    if formats.is_share(objective):
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6))
    legend_below(figure, axes, columns=4)
    return figure


def _draw_row(axes: Axes, row: int, one: Finalist, is_first: bool) -> None:
    values = [r.metric for r in one.repeats if r.counts and r.metric is not None]
    places = [row + _ASIDE[i % len(_ASIDE)] for i in range(len(values))]
    axes.plot(
        values,
        places,
        "o",
        color=BLUE,
        markersize=5,
        alpha=0.8,
        linestyle="none",
        label="one seed" if is_first else None,
    )
    if one.mean is not None:
        ends = [row - 0.32, row + 0.32]
        label = "mean" if is_first else None
        axes.plot([one.mean, one.mean], ends, color=INK, linewidth=2, label=label)
    if one.search is not None:
        look: dict[str, Any] = {"markerfacecolor": "none", "markeredgecolor": GREY, "markersize": 9}
        label = "in the search" if is_first else None
        axes.plot(one.search, row, "D", linestyle="none", label=label, **look)


def _ranked(finalists: Sequence[Finalist], objective: Objective) -> list[Finalist]:
    sign = -1 if objective.mode == "max" else 1
    return sorted(finalists, key=lambda f: (f.mean is None, sign * (f.mean or 0.0)))
