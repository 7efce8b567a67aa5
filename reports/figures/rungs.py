"""Rung survival: how many trials reached each rung, and what happened to them there."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from reports.analysis.rungs import ENDED, FAILED, FATES, STOPPED, WAITS, WENT_ON, Rung, rung_name
from reports.figures.style import BLUE, GREEN, GREY, INK, PALE, VERMILION, legend_below, new_figure

_LOOKS = {
    WENT_ON: (BLUE, ""),
    ENDED: (INK, "..."),
    STOPPED: (PALE, "////"),
    FAILED: (VERMILION, "xxxx"),
    WAITS: (GREEN, "||||"),
}


def draw_rungs(found: list[Rung]) -> Figure:
    """A bar for each rung: the trials that reached it, divided by what happened to them."""
    figure, axes = new_figure(1.5 + 0.38 * len(found))
    left = [0] * len(found)
    for fate in FATES:
        widths = [rung.fates[fate] for rung in found]
        if any(widths):
            color, hatch = _LOOKS[fate]
            edge = GREY if fate == STOPPED else "white"
            axes.barh(
                range(len(found)),
                widths,
                left=left,
                height=0.62,
                color=color,
                hatch=hatch,
                edgecolor=edge,
                linewidth=0,
                label=fate,
            )
        left = [start + width for start, width in zip(left, widths, strict=True)]
    most = max(rung.reached for rung in found)
    for place, rung in enumerate(found):
        axes.text(rung.reached + 0.015 * most, place, f"{rung.reached:,}", va="center", fontsize=9)
    axes.set_xlim(0, 1.09 * most)
    axes.set_yticks(range(len(found)), [_label(rung, found) for rung in found])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trials that came so far")
    legend_below(figure, axes, columns=4)
    return figure


def _label(rung: Rung, found: list[Rung]) -> str:
    name = rung_name(rung, found)
    return name if rung.epoch == 0 else f"epoch {rung.epoch}" + (", end" * (rung is found[-1]))
