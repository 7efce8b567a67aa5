"""Winner's configuration against the best recipe's, where several trainings of both were tested."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reports.analysis.rivals import did
from reports.data.result_files import EvaluatedModel
from reports.data.run_data import RunData
from reports.statistics.repeated import FEWEST_SEEDS, Repeated
from reports.text import formats


def compare_configurations(
    data: RunData, first: EvaluatedModel | None, second: EvaluatedModel | None
) -> Repeated | None:
    """Compare two configurations over seeds and images.

    None if fewer than `FEWEST_SEEDS` trainings of each were tested, or of different images.
    """
    if first is None or second is None or first.trial == second.trial:
        return None
    names = [*first.repeats, *second.repeats]
    found = [data.predictions[name] for name in names if name in data.predictions]
    is_usable = (
        len(first.repeats) == len(second.repeats) >= FEWEST_SEEDS
        and len(found) == len(names)
        and all(one.images == found[0].images for one in found)
    )
    if not is_usable:
        return None
    return Repeated.of(_right(data, first), _right(data, second))


def _right(data: RunData, model: EvaluatedModel) -> NDArray[np.bool_]:
    """Shape (seeds, images)."""
    return np.stack([data.predictions[name].is_right for name in model.repeats])


def mean_accuracy(data: RunData, model: EvaluatedModel) -> float:
    """Over all tested trainings of a configuration."""
    return float(_right(data, model).mean())


def sentence(winner: float, recipe: float, name: str, result: Repeated) -> str:
    """The comparison in plain words.

    Args:
        winner, recipe: Mean accuracies.
        name: Of the recipe.
    """
    what = did("the configuration", f"the recipe {name}", result.outcome())
    shown = " against ".join(map(formats.percent, (winner, recipe)))
    return (
        f"{formats.sentence(what)}: {shown}, means of {result.seeds} trainings each with new seeds "
        f"on the same {result.images:,} test images"
    )
