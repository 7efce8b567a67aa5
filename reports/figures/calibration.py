"""The reliability diagram: accuracy by confidence, and the number of images by confidence."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from reports.figures.style import BLUE, GREY, INK, ORANGE, VERMILION, WIDTH, legend_below
from reports.statistics.calibration import BINS, Reliability


def draw_reliability(found: Reliability) -> Figure:
    """Accuracy in each bin against the diagonal, the gap hatched; below it, images by bin."""
    figure = Figure(figsize=(WIDTH, 4.9))
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    _draw_bins(axes, found)
    middles = [(index + 0.5) / BINS for index in found.bins]
    below.bar(middles, found.images, width=0.92 / BINS, color=GREY)
    below.set_yscale("log")
    below.set_ylim(bottom=0.6)
    below.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    below.set_title("images")
    below.set_xlim(0, 1)
    below.set_xlabel("probability given to the predicted class")
    below.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    legend_below(figure, axes, columns=3)
    return figure


def _draw_bins(axes: Axes, found: Reliability) -> None:
    middles = [(index + 0.5) / BINS for index in found.bins]
    gaps = [c - a for c, a in zip(found.confidence, found.accuracy, strict=True)]
    axes.bar(middles, found.accuracy, width=0.92 / BINS, color=BLUE, label="right")
    axes.bar(
        middles,
        gaps,
        bottom=found.accuracy,
        width=0.92 / BINS,
        color="none",
        edgecolor=VERMILION,
        hatch="////",
        linewidth=0.6,
        label="gap to confidence",
    )
    axes.plot(
        found.confidence,
        found.accuracy,
        "o",
        color=ORANGE,
        markeredgecolor=INK,
        markersize=5,
        linestyle="none",
        clip_on=False,
        zorder=4,
    )
    axes.plot([0, 1], [0, 1], "--", color=INK, linewidth=1, label="perfect")
    axes.set_ylim(0, 1)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f} %"))
    axes.set_title("share of right predictions")
