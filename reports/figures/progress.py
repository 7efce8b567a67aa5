"""Progress of the search: the incumbent over time, and the validation curves of all trials."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from reports.analysis.curves import Curve, RecipeMark, Step, sensible_limits
from reports.figures.style import (
    BLUE,
    INK,
    MARKERS,
    ORANGE,
    PURPLE,
    STATE_LOOKS,
    epochs_below,
    legend_below,
    new_figure,
    percent_beside,
    shortened,
)
from reports.text import formats
from spaces.studies.study import Objective

_MANY_POINTS = 3000
"""With this many curves or more, they become an image inside the SVG."""


def draw_incumbent(
    steps: Sequence[Step],
    marks: Sequence[RecipeMark],
    end: float,
    objective: Objective,
    what: str = "search time",
) -> Figure:
    """The best value so far by time or cost, up to `end` seconds, and the recipes' best epochs."""
    figure, axes = new_figure(3.1 + 0.2 * math.ceil(len(marks) / 2))
    unit, divisor = _time_unit(end)
    times = [*(step.seconds / divisor for step in steps), end / divisor]
    values = [*(step.value for step in steps), steps[-1].value]
    axes.step(times, values, where="post", color=BLUE, label="best so far")
    axes.plot(times[:-1], values[:-1], "o", color=BLUE, markersize=4)
    for index, mark in enumerate(marks):
        axes.plot(
            mark.seconds / divisor,
            mark.value,
            MARKERS[index % len(MARKERS)],
            color=PURPLE,
            markeredgecolor=INK,
            markersize=8,
            linestyle="none",
            label=shortened(mark.recipe),
            clip_on=False,
            zorder=3,
        )
    always = [values[-1], *(mark.value for mark in marks)]
    axes.set_ylim(*sensible_limits(values, always))
    axes.set_xlim(left=0)
    axes.set_xlabel(f"{what}, {unit}")
    _name_metric(axes, objective)
    legend_below(figure, axes)
    return figure


def draw_validation_curves(
    curves: Sequence[Curve], winner: int | None, objective: Objective
) -> Figure:
    """The metric of every trial by epoch, the winner on top."""
    figure, axes = new_figure(3.6)
    is_many = sum(len(curve.epochs) for curve in curves) > _MANY_POINTS
    best = next((curve for curve in curves if curve.trial == winner), None)
    always = [value for value in best.values if math.isfinite(value)][-1:] if best else []
    limits = sensible_limits((v for c in curves for v in c.values), always)
    for state in STATE_LOOKS:
        chosen = [curve for curve in curves if curve.state == state and curve.trial != winner]
        if chosen:
            _draw_state(axes, chosen, limits, is_many)
    if best is not None:
        label = f"winner (trial {best.trial})"
        axes.plot(best.epochs, best.values, color=INK, linewidth=2.2, zorder=4)
        axes.plot(*_ends([best]), "*", color=ORANGE, markeredgecolor=INK, markersize=12, zorder=5)
        axes.plot([], [], "-*", color=INK, markerfacecolor=ORANGE, markersize=10, label=label)
    axes.set_ylim(*limits)
    epochs_below(axes)
    axes.set_xlim(*_epoch_limits(curves))
    _name_metric(axes, objective)
    legend_below(figure, axes)
    return figure


def _draw_state(
    axes: Axes, curves: Sequence[Curve], limits: tuple[float, float], is_many: bool
) -> None:
    """The curves of one state; the marker of an end outside the axes is on their edge."""
    look = STATE_LOOKS[curves[0].state]
    fade = 0.25 if is_many else 0.7
    lines = [list(zip(c.epochs, c.values, strict=True)) for c in curves]
    axes.add_collection(
        LineCollection(
            lines,
            colors=look.color,
            linestyles=look.line,
            linewidths=0.6 if is_many else 0.9,
            alpha=fade,
            rasterized=is_many,
        )
    )
    size = 2 if is_many else 4
    face = look.color if look.is_filled else "white"
    mark: dict[str, Any] = {"marker": look.marker, "markerfacecolor": face, "color": look.color}
    epochs, values = _ends(curves)
    inside = [min(max(value, limits[0]), limits[1]) for value in values]
    points = axes.plot(epochs, inside, linestyle="none", markersize=size, alpha=fade, **mark)
    points[0].set(clip_on=False, rasterized=is_many)
    label = f"{look.word} ({len(curves):,})"
    axes.plot([], [], linestyle=look.line, linewidth=1, markersize=4, label=label, **mark)


def _ends(curves: Sequence[Curve]) -> tuple[list[int], list[float]]:
    """The last finite point of each curve."""
    points = [
        [(e, v) for e, v in zip(c.epochs, c.values, strict=True) if math.isfinite(v)][-1:]
        for c in curves
    ]
    ends = [point for last in points for point in last]
    return [epoch for epoch, _ in ends], [value for _, value in ends]


def _epoch_limits(curves: Sequence[Curve]) -> tuple[float, float]:
    last = max((curve.epochs[-1] for curve in curves), default=1)
    return 1 - 0.03 * last - 0.1, last + 0.03 * last + 0.1


def _time_unit(seconds: float) -> tuple[str, float]:
    if seconds < 180:
        return "seconds", 1.0
    return ("minutes", 60.0) if seconds < 3 * 3600 else ("hours", 3600.0)


def _name_metric(axes: Axes, objective: Objective) -> None:
    axes.set_title(formats.metric_name(objective))
    if formats.is_share(objective):
        percent_beside(axes)
