"""The results of an ablation as a table: each ingredient beside the recipe that it was added to."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.questions.ingredients import INGREDIENTS

_HEADINGS = (
    "ingredient",
    "seeds",
    "validation accuracy",
    "over the recipe, points",
    "CPU time, of the recipe's",
    "memory, MB",
)


@dataclass(frozen=True)
class Row:
    """One training.

    Attributes:
        ingredient: Its name.
        seed: Of training and split.
        accuracy: Validation accuracy of its best epoch, whose weights are kept.
        seconds: CPU seconds of an epoch; None if they were not seen.
        memory: MB of its worker at the most; None if that was not seen.
    """

    ingredient: str
    seed: int
    accuracy: float
    seconds: float | None
    memory: float | None


def markdown(results: Mapping[str, Any]) -> str:
    """The table, and what it was measured on."""
    rows = [Row(**row) for row in results["rows"]]
    lines = ["| " + " | ".join(_HEADINGS) + " |", "|" + "---|" * len(_HEADINGS)]
    lines += [line for one in INGREDIENTS if (line := _line(one.name, one.group, rows))]
    return "\n".join(lines) + f"\n\n{_setting(results)}\n"


def _line(name: str, group: str, rows: Sequence[Row]) -> str | None:
    recipe = next(one.name for one in INGREDIENTS if one.group == group)
    own = [row for row in rows if row.ingredient == name]
    if not own:
        return None
    memory = [row.memory for row in own if row.memory is not None]
    cells = (
        f"`{name}`" if name != recipe else f"**{name}**",
        str(len(own)),
        f"{100 * statistics.fmean(row.accuracy for row in own):.2f} %",
        "" if name == recipe else gained(rows, name, recipe),
        _ratio(rows, name, recipe),
        f"{max(memory):.0f}" if memory else "–",
    )
    return "| " + " | ".join(cells) + " |"


def _pairs(rows: Sequence[Row], name: str, recipe: str) -> list[tuple[Row, Row]]:
    """Trainings of an ingredient and of the recipe by seed."""
    found = {row.seed: row for row in rows if row.ingredient == recipe}
    return [(row, found[row.seed]) for row in rows if row.ingredient == name and row.seed in found]


def gained(rows: Sequence[Row], name: str, recipe: str) -> str:
    """Mean difference over the seeds, and its standard error."""
    differences = [100 * (a.accuracy - b.accuracy) for a, b in _pairs(rows, name, recipe)]
    if not differences:
        return "–"
    mean = f"{statistics.fmean(differences):+.2f}"
    if len(differences) < 2:
        return mean
    error = statistics.stdev(differences) / math.sqrt(len(differences))
    return f"{mean} ± {error:.2f}"


def _ratio(rows: Sequence[Row], name: str, recipe: str) -> str:
    """Its time over the recipe's, the median over the seeds."""
    pairs = _pairs(rows, name, recipe)
    ratios = [a.seconds / b.seconds for a, b in pairs if a.seconds and b.seconds]
    return f"{statistics.median(ratios):.2f}" if ratios else "–"


def _setting(results: Mapping[str, Any]) -> str:
    setting = results["setting"]
    dataset = ", ".join(f"{name} {value}" for name, value in setting["dataset"].items())
    return (
        f"EfficientNet-Lite0 at {setting['image_size']} pixels, {setting['epochs']} epochs, flip "
        f"{setting['flip']}; {dataset}. ± is the standard error over the seeds, which split the "
        f"images anew. Measured {results['measured']} on {results['machine']}."
    )
