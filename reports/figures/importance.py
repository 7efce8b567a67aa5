"""The figure of the relative importance of the hyperparameters."""

from __future__ import annotations

from matplotlib.figure import Figure

from reports.data.importance import Importance
from reports.figures.style import BLUE, INK, new_figure, shortened


def draw_importance(found: Importance) -> Figure:
    """A bar for each hyperparameter, the most important on top, with its range as a whisker."""
    figure, axes = new_figure(1.0 + 0.34 * len(found.weights))
    places = range(len(found.weights))
    means = [weight.mean for weight in found.weights]
    below = [max(0.0, weight.mean - weight.low) for weight in found.weights]
    above = [max(0.0, weight.high - weight.mean) for weight in found.weights]
    axes.barh(
        places,
        means,
        xerr=(below, above),
        height=0.6,
        color=BLUE,
        error_kw={"ecolor": INK, "capsize": 3, "elinewidth": 1.2},
    )
    axes.set_yticks(places, [shortened(w.name.replace("_", " ")) for w in found.weights])
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("relative importance")
    return figure
