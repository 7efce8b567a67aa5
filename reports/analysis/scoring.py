"""Scores of the tested models, each with the interval that holds what it says."""

from __future__ import annotations

import math

from reports.analysis.kinds import ACCURACY, KINDS, Kind, kind_of
from reports.data.predictions import Predictions
from reports.data.result_files import EvaluatedModel
from reports.data.run_data import RunData
from reports.statistics.bootstrap import LEAST_IMAGES, RESAMPLES, Estimate, estimate
from reports.statistics.calibration import Consistency, consistency
from reports.statistics.class_means import class_mean_interval
from reports.statistics.influence import auc_interval
from reports.statistics.proportions import Interval, wilson
from reports.text import formats
from reports.text.table import Cell, Column, Row, Table, row


def estimates(predictions: Predictions, seed: int) -> dict[str, Estimate]:
    """Every score that the predictions allow, by its name.

    Args:
        predictions: Of one model.
        seed: Of the resamples.
    """
    scores = predictions.scores
    counts = scores.counts
    found = {
        "accuracy": _estimate(scores.accuracy, wilson(scores.right, len(scores.label))),
        "balanced_accuracy": _estimate(
            scores.balanced_accuracy, class_mean_interval(counts, "balanced_accuracy")
        ),
        "macro_f1": _estimate(scores.macro_f1, class_mean_interval(counts, "macro_f1")),
    }
    if predictions.probabilities is None:
        return found
    if math.isfinite(scores.auc):
        found["auc"] = _estimate(scores.auc, auc_interval(scores))
    by_image = {"log_loss": scores.log_losses, "brier": scores.briers}
    return found | {
        name: estimate(values, scores.label, seed)
        if len(values) >= LEAST_IMAGES
        else Estimate(float(values.mean()))
        for name, values in by_image.items()
    }


def _estimate(value: float, interval: Interval | None) -> Estimate:
    return Estimate(value, interval.low, interval.high) if interval else Estimate(value)


def calibration(predictions: Predictions, seed: int) -> Consistency | None:
    """The calibration error beside that of a calibrated model; None without probabilities."""
    if predictions.probabilities is None:
        return None
    return consistency(predictions.scores.confidence, predictions.is_right, seed)


def score_of(data: RunData, model: EvaluatedModel, kind: Kind) -> float | None:
    """A score of a tested model: from its predictions, or as it was recorded; None if unknown."""
    predictions = data.predictions.get(model.name)
    if kind is ACCURACY:
        return model.accuracy
    if predictions is None or (kind.needs_probabilities and predictions.probabilities is None):
        return model.scores.get(kind.name)
    return kind.of(predictions.scores)


def result_in_words(data: RunData, model: EvaluatedModel) -> tuple[Kind, str, str]:
    """What the first screen says of a tested model: the kind of score, its value, and its interval.

    The score is the study's metric, with accuracy beside it; accuracy alone if that is not known.
    A loss is what a search goes by rather than what people ask for: there, accuracy comes first.
    """
    kind = kind_of(data.objective)
    value = score_of(data, model, kind)
    accuracy = formats.percent(model.accuracy)
    interval = accuracy_interval(data.predictions.get(model.name), model, data)
    if kind is ACCURACY or value is None:
        return ACCURACY, accuracy, interval
    found = _interval(data, model, kind)
    if not kind.is_share:
        return ACCURACY, accuracy, f"{interval}; {kind.title} {kind.shown(value)}, {found}"
    return kind, kind.shown(value), f"{found}; accuracy {accuracy}, {interval}"


def _interval(data: RunData, model: EvaluatedModel, kind: Kind) -> str:
    predictions = data.predictions.get(model.name)
    one = estimates(predictions, data.study.seed).get(kind.name) if predictions else None
    if one is None:
        return "no interval without predictions"
    if one.low is None or one.high is None:
        return "no interval: too few images, or too few of the smallest class"
    return f"95 % interval {kind.shown(one.low)} to {kind.shown(one.high)}"


def accuracy_interval(predictions: Predictions | None, model: EvaluatedModel, data: RunData) -> str:
    """The 95 % interval of a model's test accuracy, in words."""
    images = data.test.images if data.test else 0
    right = round(model.accuracy * images)
    if predictions is not None:
        right, images = predictions.scores.right, len(predictions.images)
    found = wilson(right, images)
    low, high = formats.percent(found.low), formats.percent(found.high)
    return f"95 % interval {low} to {high} (Wilson, {images:,} images)"


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
        Column("calibration_error", "calibration error"),
        Column("calibration_error_expected", "if calibrated"),
    )
    models = data.test.models if data.test else ()
    rows = [_row(model, data) for model in models if model.name in data.predictions]
    caption = (
        "Scores on the test set with 95 % intervals: Wilson's for accuracy, the same with an "
        "effective number of images for AUC and the means over classes, and for the losses a "
        "bootstrap by "
        f"class ({RESAMPLES:,} resamples, bias-corrected and accelerated). There is none where the "
        f"smallest class or, for the losses, a test set under {LEAST_IMAGES} images is too small "
        "for one. The calibration error is never zero; beside it is what a perfectly calibrated "
        "model would show."
    )
    return Table("test_scores", caption, columns, tuple(rows))


def _row(model: EvaluatedModel, data: RunData) -> Row:
    predictions = data.predictions[model.name]
    found = estimates(predictions, data.study.seed)
    cells = [Cell.of(model.name)]
    for kind in KINDS:
        one = found.get(kind.name)
        values = (one.value, one.low, one.high) if one else (None, None, None)
        cells += [Cell.of(values[0], _text(kind, *values)), *map(Cell.of, values[1:])]
    errors = calibration(predictions, data.study.seed)
    pair = (errors.error, errors.expected) if errors else (None, None)
    return row([*cells, *(Cell.of(value, formats.percent(value)) for value in pair)])


def _text(kind: Kind, value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return formats.MISSING
    text = kind.shown(value)
    if low is None or high is None:
        return text
    ends = (f"{100 * end:.1f}" if kind.is_share else f"{end:.3f}" for end in (low, high))
    return f"{text} ({'–'.join(ends)})"
