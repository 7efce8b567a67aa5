"""The section about whether the final model is as sure as it is right."""

from __future__ import annotations

from functools import partial

from reports.data.run_data import RunData, tested_model
from reports.figures.calibration import draw_reliability
from reports.page.document import Block, Gallery, Section, Text
from reports.page.picture import Picture
from reports.statistics.bootstrap import estimate
from reports.statistics.calibration import Reliability, reliability
from reports.text import formats


def section(data: RunData) -> Section:
    """The reliability diagram and the expected calibration error."""
    return Section("calibration", "Calibration", tuple(_blocks(data)))


def _blocks(data: RunData) -> list[Block]:
    if data.test is None:
        return [Text("The test set is still sealed, so nothing is known of how sure a model is.")]
    found = tested_model(data)
    predictions = found[1] if found else None
    sure = predictions.probability_of(predictions.predicted) if predictions else None
    if predictions is None or sure is None:
        return [Text("The probabilities that the model gave are not on file.")]
    by_bin = reliability(sure, predictions.is_right)
    images = len(predictions.images)
    error = estimate(predictions.scores.calibration_error, images, data.study.seed)
    text = (
        f"On {formats.plural(images, 'test image')} the expected calibration error is "
        f"{formats.percent(error.value)}"
    )
    if error.low is not None:
        low, high = formats.percent(error.low), formats.percent(error.high)
        text += f" (95 % interval {low} to {high}, bootstrap)"
    return [Text(f"{text}. {_direction(by_bin)}"), Gallery((_picture(by_bin),))]


def _direction(found: Reliability) -> str:
    points = f"{100 * abs(found.excess):.1f} points"
    if abs(found.excess) < 0.005:
        return "On the average the model is as sure as it is right."
    if found.excess > 0:
        return f"On the average the model is surer than it is right, by {points}."
    return f"On the average the model is right more often than it is sure, by {points}."


def _picture(found: Reliability) -> Picture:
    listed = ", ".join(
        f"{formats.percent(c, 0)} sure and {formats.percent(a, 0)} right ({n:,})"
        for c, a, n in zip(found.confidence, found.accuracy, found.images, strict=True)
    )
    return Picture(
        "reliability",
        "Reliability",
        "Test images by the probability that the model gave to the class it chose, in 15 bins. A "
        "bar that ends at the dashed line is as often right as the model is sure; the hatched part "
        "is the gap. Below, how many images are in each bin, on a logarithmic axis: bins with few "
        "images say little.",
        f"Bars of the share of right predictions by confidence: {listed}.",
        partial(draw_reliability, found),
    )
