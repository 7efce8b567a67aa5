"""Learning curves: winner and recipes by epoch, and the fine-tuning."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from reports.analysis.curves import Curve, sensible_limits
from reports.figures.style import (
    BLUE,
    CYCLE,
    DASHES,
    epochs_below,
    legend_below,
    new_figure,
    percent_beside,
    shortened,
)


def draw_learning_curves(
    curves: Sequence[Curve], title: str, limits: tuple[float, float], is_share: bool
) -> Figure:
    """One quantity by epoch; the first curve is the winner's.

    Args:
        curves: One for each model.
        title: What the y axis shows.
        limits: Of the y axis, so that training and validation can stand side by side.
        is_share: Whether the quantity is a share of one.
    """
    figure, axes = new_figure(3.0 + 0.2 * math.ceil(len(curves) / 2))
    for index, curve in enumerate(curves):
        axes.plot(
            curve.epochs,
            curve.values,
            color=CYCLE[index % len(CYCLE)],
            linestyle=DASHES[index % len(DASHES)],
            linewidth=2.0 if index == 0 else 1.4,
            marker="o" if len(curve.epochs) < 13 else None,
            markersize=3,
            label=shortened(curve.label, 24),
            zorder=4 - index / 100,
        )
    axes.set_ylim(*limits)
    axes.set_title(title)
    epochs_below(axes)
    if is_share:
        percent_beside(axes)
    legend_below(figure, axes)
    return figure


def draw_fine_tuning(
    epochs: Sequence[int], values: Sequence[float], title: str, is_share: bool
) -> Figure:
    """One quantity of the fine-tuning by epoch."""
    figure, axes = new_figure(2.6)
    axes.plot(epochs, values, "-o", color=BLUE, markersize=3.5)
    axes.set_ylim(*sensible_limits(values, values))
    axes.set_title(title)
    epochs_below(axes)
    if is_share:
        percent_beside(axes)
    return figure
