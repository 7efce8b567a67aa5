"""The figure of the costs: what the seconds were spent on."""

from __future__ import annotations

from matplotlib.figure import Figure

from reports.analysis.costs import KINDS, Cost
from reports.figures.style import (
    BLUE,
    GREEN,
    HATCHES,
    ORANGE,
    PURPLE,
    SKY,
    STATE_LOOKS,
    VERMILION,
    legend_below,
    new_figure,
)

_COLORS = (PURPLE, SKY, GREEN, BLUE, ORANGE, VERMILION)


def draw_cost(spent: Cost) -> Figure:
    """A bar for each trial state, divided by what the seconds were spent on."""
    states = [state for state in spent.seconds if spent.of_state(state) > 0]
    figure, axes = new_figure(1.5 + 0.42 * len(states))
    left = [0.0] * len(states)
    for index, kind in enumerate(KINDS):
        widths = [spent.seconds[state][kind] for state in states]
        axes.barh(
            range(len(states)),
            widths,
            left=left,
            height=0.6,
            color=_COLORS[index % len(_COLORS)],
            hatch=HATCHES[index % len(HATCHES)],
            edgecolor="white",
            linewidth=0,
            label=kind,
        )
        left = [start + width for start, width in zip(left, widths, strict=True)]
    axes.set_yticks(range(len(states)), [STATE_LOOKS[state].word for state in states])
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("seconds of all trials")
    legend_below(figure, axes, columns=3)
    return figure
