"""Kinds of test scores: their names, how they are written, and which one a study goes by."""

from __future__ import annotations

from dataclasses import dataclass

from reports.statistics.influence import ScoreName
from reports.statistics.paired import MARGIN
from reports.statistics.scores import Scores
from reports.text import formats
from spaces.studies.study import Objective


@dataclass(frozen=True)
class Kind:
    """A kind of score.

    Attributes:
        name: Of the property of `Scores`.
        title: For display.
        is_share: Whether it is shown as a percentage; the others are shown as numbers.
        needs_probabilities: Whether the predicted classes alone do not give it.
    """

    name: ScoreName
    title: str
    is_share: bool = True
    needs_probabilities: bool = False

    def of(self, scores: Scores) -> float:
        """The score of a model."""
        return float(getattr(scores, self.name))

    def shown(self, value: float | None) -> str:
        """A score as text."""
        if self.is_share or formats.is_missing(value):
            return formats.percent(value)
        return f"{value:.3f}"

    def points(self, difference: float) -> str:
        """A difference of two scores with its sign, without a unit."""
        if self.is_share:
            return formats.points(difference)
        return f"{difference:+.3f}".replace("-", "−")

    @property
    def unit(self) -> str:
        """What follows `points`."""
        return " percentage points" if self.is_share else ""

    @property
    def margin(self) -> str:
        """Within which two are called equal."""
        return f"±{100 * MARGIN:g} point" if self.is_share else f"±{MARGIN:g}"


ACCURACY = Kind("accuracy", "accuracy")
KINDS = (
    ACCURACY,
    Kind("balanced_accuracy", "balanced accuracy"),
    Kind("macro_f1", "macro F1"),
    Kind("auc", "AUC", needs_probabilities=True),
    Kind("log_loss", "log loss", is_share=False, needs_probabilities=True),
    Kind("brier", "Brier score", is_share=False, needs_probabilities=True),
)
_BY_METRIC = {f"val_{kind.name}": kind for kind in KINDS} | {"val_loss": KINDS[4]}


def kind_of(objective: Objective) -> Kind:
    """The kind of test score that is a study's metric."""
    return _BY_METRIC[objective.metric]
