"""The section about calibration: whether the final model is as often right as it is confident."""

from __future__ import annotations

from functools import partial

from reports.analysis.scoring import calibration
from reports.data.run_data import RunData, tested_model
from reports.figures.calibration import draw_reliability
from reports.page.document import Block, Gallery, Section, Text
from reports.page.picture import Picture
from reports.statistics.calibration import Consistency, Reliability
from reports.text import formats


def section(data: RunData) -> Section:
    """The reliability diagram and the expected calibration error."""
    return Section("calibration", "Calibration", tuple(_blocks(data)))


def _blocks(data: RunData) -> list[Block]:
    if data.test is None:
        return [Text("The test set is still sealed, so nothing is known about calibration yet.")]
    found = tested_model(data)
    predictions = found[1] if found else None
    errors = calibration(predictions, data.study.seed) if predictions else None
    if predictions is None or errors is None:
        return [Text("The probabilities that the model gave are not on file.")]
    by_bin = predictions.scores.reliability
    text = f"{_errors(errors, len(predictions.images))} {_direction(by_bin)}"
    return [Text(text), Gallery((_picture(by_bin),))]


def _errors(found: Consistency, images: int) -> str:
    """The error beside that of a calibrated model: by itself it says little."""
    text = (
        f"On {formats.plural(images, 'test image')} the expected calibration error is "
        f"{formats.percent(found.error)}. A perfectly calibrated model would show "
        f"{formats.percent(found.expected)} on the average, and less than "
        f"{formats.percent(found.upper)} in 95 of 100 cases (consistency resampling): "
    )
    if found.is_off:
        return f"{text}this model is off by more than chance."
    return f"{text}nothing here says that this model is off."


def _direction(found: Reliability) -> str:
    points = f"{100 * abs(found.excess):.1f} points"
    if abs(found.excess) < 0.005:
        return "On the average its confidence equals its accuracy."
    if found.excess > 0:
        return f"On the average its confidence is above its accuracy, by {points}."
    return f"On the average its confidence is below its accuracy, by {points}."


def _picture(found: Reliability) -> Picture:
    listed = ", ".join(
        f"{formats.percent(c, 0)} confident, {formats.percent(a, 0)} right ({n:,})"
        for c, a, n in zip(found.confidence, found.accuracy, found.images, strict=True)
    )
    return Picture(
        "reliability",
        "Reliability",
        "Test images in 15 bins by the probability of the predicted class. In a bar that ends at "
        "the dashed line the model is as often right as it is confident; the hatched part is the "
        "gap. Below, the number of images in each bin, on a logarithmic axis: bins with few images "
        "say little.",
        f"Bars of the share of right predictions by confidence: {listed}.",
        partial(draw_reliability, found),
    )
