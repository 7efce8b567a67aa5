"""The style of all figures, as a context that changes no global state."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from search.records.events import COMPLETE, FAIL, PRUNED, RUNNING

WIDTH = 4.8
"""Width of a figure in inches: at the width of a phone its text stays readable."""

INK, GREY, PALE = "#1f2328", "#6e7681", "#d0d7de"
BLUE, ORANGE, GREEN, VERMILION = "#0072B2", "#E69F00", "#009E73", "#D55E00"
PURPLE, SKY = "#CC79A7", "#56B4E9"
"""Okabe and Ito's colours, which can be told apart with any kind of colour vision."""

CYCLE = (INK, BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, GREY)
DASHES = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)), (0, (7, 2)))
MARKERS = "DsvP^X<h>pd8*"
HATCHES = ("", "////", "----", "\\\\\\\\", "xxxx", "||||")

_RC: dict[Any, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 160,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlecolor": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": PALE,
    "grid.linewidth": 0.5,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.minor.size": 2,
    "xtick.minor.pad": 5,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "legend.fontsize": 9.5,
    "legend.columnspacing": 1.4,
    "legend.handletextpad": 0.5,
    "lines.linewidth": 1.5,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "thawtune",
    "text.parse_math": False,
}


@dataclass(frozen=True)
class StateLook:
    """How trials of a state are drawn: never distinguished by colour alone."""

    word: str
    color: str
    line: str
    marker: str
    is_filled: bool


STATE_LOOKS = {
    PRUNED: StateLook("pruned", GREY, "-", "o", False),
    COMPLETE: StateLook("complete", BLUE, "-", "o", True),
    RUNNING: StateLook("without an end", GREEN, "--", "^", False),
    FAIL: StateLook("failed", VERMILION, ":", "x", True),
}
"""In drawing order."""


@contextmanager
def style() -> Iterator[None]:
    """Draw and save within this context."""
    with mpl.rc_context(_RC), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from font")
        yield


def new_figure(height: float = 3.0, width: float = WIDTH) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, without a window or global state."""
    figure = Figure(figsize=(width, height))
    return figure, figure.add_subplot()


def legend_below(figure: Figure, axes: Axes, columns: int = 2) -> None:
    """Put the legend below the axes, where it covers nothing."""
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower left", ncols=columns)


def epochs_below(axes: Axes) -> None:
    """Label the x axis with whole epochs."""
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True, min_n_ticks=1))


def percent_beside(axes: Axes) -> None:
    """Label the y axis with percentages, with as many digits as the ticks need."""

    def text(value: float, _: int | None) -> str:
        return f"{100 * value:.4g} %"

    axes.yaxis.set_major_formatter(FuncFormatter(text))


def shortened(text: str, most: int = 22) -> str:
    """A label that leaves room for the axes: a long one loses its middle."""
    if len(text) <= most:
        return text
    head = most // 2
    return f"{text[:head]}…{text[head + 1 - most :]}"
