"""Scores of the tested models, each with its bootstrap interval."""

from __future__ import annotations

from dataclasses import dataclass

from reports.data.predictions import Predictions
from reports.data.result_files import EvaluatedModel
from reports.data.run_data import RunData
from reports.statistics.bootstrap import RESAMPLES, Estimate, estimate
from reports.statistics.proportions import Interval, wilson
from reports.text import formats
from reports.text.table import Cell, Column, Row, Table, row


@dataclass(frozen=True)
class Kind:
    """A kind of score; `is_share` are shown as percentages, the others as numbers."""

    name: str
    title: str
    is_share: bool
    needs_probabilities: bool


KINDS = (
    Kind("accuracy", "accuracy", True, False),
    Kind("balanced_accuracy", "balanced accuracy", True, False),
    Kind("macro_f1", "macro F1", True, False),
    Kind("log_loss", "log loss", False, True),
    Kind("calibration_error", "calibration error", True, True),
    Kind("brier", "Brier score", False, True),
)


def estimates(predictions: Predictions, seed: int) -> dict[str, Estimate]:
    """Every score that the predictions allow, by its name.

    Args:
        predictions: Of one model.
        seed: Of the resamples.
    """
    known = predictions.probabilities is not None
    scores, images = predictions.scores, len(predictions.images)
    return {
        kind.name: estimate(getattr(scores, kind.name), images, seed)
        for kind in KINDS
        if known or not kind.needs_probabilities
    }


def accuracy_interval(predictions: Predictions | None, model: EvaluatedModel, data: RunData) -> str:
    """The 95 % interval of a model's test accuracy, and how it was made.

    Wilson's stands in where there are no predictions, or no error among them to resample.
    """
    images = data.test.images if data.test else 0
    if predictions is not None:
        found = estimate(predictions.scores.accuracy, len(predictions.images), data.study.seed)
        if found.low is not None and found.high is not None:
            return _interval(Interval(found.low, found.high), "bootstrap", images)
    return _interval(wilson(model.accuracy, images), "Wilson", images)


def _interval(found: Interval, way: str, images: int) -> str:
    low, high = formats.percent(found.low), formats.percent(found.high)
    return f"95 % interval {low} to {high} ({way}, {images:,} images)"


def scores_table(data: RunData) -> Table:
    """Every tested model by every score."""
    columns = (
        Column("model", "model", is_number=False),
        *(
            column
            for kind in KINDS
            for column in (
                Column(kind.name, kind.title),
                Column(f"{kind.name}_low", "from", is_hidden=True),
                Column(f"{kind.name}_high", "to", is_hidden=True),
            )
        ),
    )
    models = data.test.models if data.test else ()
    rows = [_row(model, data) for model in models if model.name in data.predictions]
    caption = (
        f"Scores on the test set with 95 % intervals: bootstrap over images, {RESAMPLES:,} "
        "resamples, bias-corrected and accelerated, the same resamples for all models. Without an "
        "interval: all resamples were the same."
    )
    return Table("test_scores", caption, columns, tuple(rows))


def _row(model: EvaluatedModel, data: RunData) -> Row:
    found = estimates(data.predictions[model.name], data.study.seed)
    cells = [Cell.of(model.name)]
    for kind in KINDS:
        one = found.get(kind.name)
        values = (one.value, one.low, one.high) if one else (None, None, None)
        cells += [Cell.of(values[0], _text(kind, *values)), *map(Cell.of, values[1:])]
    return row(cells)


def _text(kind: Kind, value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return formats.MISSING
    text = formats.percent(value) if kind.is_share else f"{value:.3f}"
    if low is None or high is None:
        return text
    ends = (f"{100 * end:.1f}" if kind.is_share else f"{end:.3f}" for end in (low, high))
    return f"{text} ({'–'.join(ends)})"
