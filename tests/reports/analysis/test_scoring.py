"""Tests for the scores of the tested models."""

from __future__ import annotations

import dataclasses

import pytest
from sklearn.metrics import f1_score

from reports.analysis.errors import class_scores
from reports.analysis.kinds import KINDS
from reports.analysis.scoring import (
    accuracy_interval,
    calibration,
    estimates,
    scores_table,
)
from reports.data.predictions import Predictions
from reports.data.run_data import read_run
from tests.reports.run_maker import CLASSES


def test_every_score_lies_in_its_interval(read) -> None:
    found = estimates(read("complete").predictions["two_phase"], seed=0)
    assert list(found) == [kind.name for kind in KINDS]
    for name, one in found.items():
        assert one.low < one.value < one.high, name
    assert found["accuracy"].value == pytest.approx(0.95)


def test_there_is_one_macro_f1_in_the_report(read) -> None:
    """In the table of scores and in the classification report, also with an empty class."""
    data = read("complete")
    some = data.predictions["two_phase"]
    predicted = some.predicted.copy()
    predicted[:3] = 10
    for predictions in (some, dataclasses.replace(some, predicted=predicted, probabilities=None)):
        rows = {one.name: one for one in class_scores(predictions, [*CLASSES, "empty"])}
        found = estimates(predictions, 0)["macro_f1"].value
        assert rows["mean over classes"].f1 == pytest.approx(found)
        expected = f1_score(predictions.label, predictions.predicted, average="macro")
        assert found == pytest.approx(expected)


def test_a_row_has_values_in_the_csv_and_intervals_on_the_page(read) -> None:
    table = scores_table(read("complete"))
    assert [row.cells[0].value for row in table.rows] == [
        "final", "winner", "linear_probe", "two_phase",
    ]  # fmt: skip
    assert len(table.columns) == 3 + 3 * len(KINDS)
    assert len(table.shown().columns) == 3 + len(KINDS)
    text = table.shown().rows[3].cells[1].text.replace("\u00a0", " ")
    assert text == "95.0 % (92.2–96.8)"
    header, *_ = table.to_csv().splitlines()
    assert header.startswith("model,accuracy,accuracy_low,accuracy_high,balanced_accuracy")
    assert header.endswith("calibration_error,calibration_error_expected")


def test_the_calibration_error_stands_beside_that_of_a_calibrated_model(read) -> None:
    found = calibration(read("complete").predictions["two_phase"], 0)
    row = scores_table(read("complete")).rows[3]
    assert [cell.value for cell in row.cells[-2:]] == [found.error, found.expected]
    assert found.expected > 0.005
    without = dataclasses.replace(read("complete").predictions["winner"], probabilities=None)
    assert calibration(without, 0) is None


def test_without_an_error_there_still_is_an_interval(make_run, open_test) -> None:
    maker = make_run()
    trial, _ = maker.propose()
    maker.measure(trial, 1, 0.9)
    run = maker.close()
    open_test(run, {"final": 1.0, "winner": 0.9})
    data = read_run(run)
    found = estimates(data.predictions["final"], 0)
    assert found["accuracy"].high == 1
    assert found["accuracy"].low == pytest.approx(0.9894, abs=1e-3)
    winner = data.test.in_role("winner")
    both = [accuracy_interval(one, winner, data) for one in (None, data.predictions["winner"])]
    assert both[0] == both[1], "predictions or not, it is the same accuracy"


def test_on_few_images_the_losses_have_no_interval(read) -> None:
    some = read("complete").predictions["two_phase"]
    few = Predictions(
        some.images[:150], some.label[:150], some.predicted[:150], some.probabilities[:150]
    )
    found = estimates(few, 0)
    assert found["log_loss"].low is None
    assert found["accuracy"].low is not None
