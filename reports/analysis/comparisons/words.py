"""What is said of two models: words for each outcome, and the score that decides between them."""

from __future__ import annotations

import math

from reports.analysis.kinds import ACCURACY, Kind, kind_of
from reports.data.run_data import RunData
from reports.statistics.paired import Outcome

IN_A_WORD: dict[str, str] = {
    "better": "better",
    "worse": "worse",
    "equal": "equal",
    "open": "could not be told apart",
}
"""What is said of the first of two models, by outcome."""


def did(first: str, second: str, outcome: Outcome, kind: Kind = ACCURACY) -> str:
    """What one model did to another, without a full stop.

    Args:
        first, second: Their names.
        outcome: Of the first.
        kind: The score that they were compared by.
    """
    return {
        "better": f"{first} beat {second}",
        "worse": f"{first} did worse than {second}",
        "equal": f"{first} and {second} are equal within {kind.margin}",
        "open": f"{first} and {second} could not be told apart",
    }[outcome]


def deciding(data: RunData) -> Kind:
    """The score that a run's tested models are compared by.

    It is the study's metric, or accuracy where the predictions on file do not give that of every
    tested model.
    """
    kind = kind_of(data.objective)
    models = data.test.models if data.test else ()
    for one in (data.predictions.get(model.name) for model in models):
        if one is None or (kind.needs_probabilities and one.probabilities is None):
            return ACCURACY
        if not math.isfinite(kind.of(one.scores)):
            return ACCURACY
    return kind


def against(kind: Kind, first: float, second: float) -> str:
    """Two scores, with the name of the score unless it is accuracy."""
    name = "" if kind is ACCURACY else f" {kind.title}"
    return f"{kind.shown(first)} against {kind.shown(second)}{name}"
