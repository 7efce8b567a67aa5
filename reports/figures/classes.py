"""Figures by class: images in each set, and the confusion matrix."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from reports.analysis.errors import Confusion
from reports.data.result_files import DataSets
from reports.figures.style import (
    BLUE,
    DASHES,
    HATCHES,
    INK,
    ORANGE,
    SKY,
    legend_below,
    new_figure,
    shortened,
)

_MOST_BARS = 25
_MOST_NUMBERS = 12
_MOST_NAMES = 40
_COLORS = (BLUE, SKY, ORANGE)


def draw_class_counts(sets: DataSets) -> Figure:
    """Images by class and set: bars, or with many classes the class sizes in order."""
    if len(sets.classes) > _MOST_BARS:
        return _draw_sizes(sets)
    figure, axes = new_figure(max(1.6, 0.7 + 0.36 * len(sets.classes)))
    places = np.arange(len(sets.classes))
    for index, (name, counts) in enumerate(sets.sets.items()):
        axes.barh(
            places + 0.27 * (index - 1),
            counts,
            height=0.25,
            color=_COLORS[index],
            hatch=HATCHES[index],
            edgecolor="white",
            linewidth=0,
            label=name,
        )
    axes.set_yticks(places, [shortened(name) for name in sets.classes])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("images")
    legend_below(figure, axes, columns=3)
    return figure


def _draw_sizes(sets: DataSets) -> Figure:
    figure, axes = new_figure()
    order = np.argsort([-sum(counts) for counts in zip(*sets.sets.values(), strict=True)])
    for index, (name, counts) in enumerate(sets.sets.items()):
        axes.plot(
            range(1, len(order) + 1),
            np.array(counts)[order],
            color=(BLUE, INK, ORANGE)[index],
            linestyle=DASHES[index],
            label=name,
        )
    axes.set_ylim(bottom=0)
    axes.set_title("images")
    axes.set_xlabel("classes, the largest first")
    legend_below(figure, axes, columns=3)
    return figure


def draw_confusion(matrix: Confusion, by_row: bool) -> Figure:
    """Images by true and predicted class, as counts or as percentages of the true class."""
    n = len(matrix.classes)
    values = 100 * matrix.shares if by_row else matrix.counts.astype(float)
    figure, axes = new_figure(4.4)
    mesh = axes.pcolormesh(
        np.ma.masked_invalid(values), cmap="Blues", vmin=0, rasterized=n > _MOST_BARS
    )
    axes.set_aspect("equal")
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xlabel("predicted class")
    axes.set_ylabel("true class")
    _name_classes(axes, matrix.classes)
    if n <= _MOST_NUMBERS:
        _write_numbers(axes, values)
    else:
        label = "% of the true class" if by_row else "images"
        figure.colorbar(mesh, ax=axes, shrink=0.8, label=label)
    return figure


def _name_classes(axes: Axes, classes: tuple[str, ...]) -> None:
    n = len(classes)
    if n > _MOST_NAMES:
        axes.set_xticks([])
        axes.set_yticks([])
        return
    names = [shortened(name, 14) for name in classes]
    size = 9 if n <= 12 else max(4, 108 / n)
    axes.set_xticks(np.arange(n) + 0.5, names, fontsize=size)
    axes.set_yticks(np.arange(n) + 0.5, names, fontsize=size)
    axes.tick_params(length=0)
    if max(map(len, names)) > 3:
        axes.tick_params(axis="x", labelrotation=90)


def _write_numbers(axes: Axes, values: NDArray[np.float64]) -> None:
    largest = np.nanmax(values, initial=0)
    for (true, predicted), value in np.ndenumerate(values):
        if value > 0:
            axes.text(
                predicted + 0.5,
                true + 0.5,
                f"{value:.0f}" if value >= 0.5 else "<1",
                color="white" if value > 0.55 * largest else INK,
                ha="center",
                va="center",
                fontsize=8.5,
            )
