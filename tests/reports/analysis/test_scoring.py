"""Tests for the scores of the tested models."""

from __future__ import annotations

import pytest

from reports.analysis.scoring import KINDS, accuracy_interval, estimates, scores_table
from reports.data.run_data import read_run


def test_every_score_lies_in_its_interval(read) -> None:
    found = estimates(read("complete").predictions["two_phase"], seed=0)
    assert list(found) == [kind.name for kind in KINDS]
    for name, one in found.items():
        assert one.low < one.value < one.high, name
    assert found["accuracy"].value == pytest.approx(0.95)


def test_a_row_has_values_in_the_csv_and_intervals_on_the_page(read) -> None:
    table = scores_table(read("complete"))
    assert [row.cells[0].value for row in table.rows] == [
        "final", "winner", "linear_probe", "two_phase",
    ]  # fmt: skip
    assert len(table.columns) == 1 + 3 * len(KINDS)
    assert len(table.shown().columns) == 1 + len(KINDS)
    text = table.shown().rows[3].cells[1].text.replace("\u00a0", " ")
    assert text.startswith("95.0 % (92.")
    header, *_ = table.to_csv().splitlines()
    assert header.startswith("model,accuracy,accuracy_low,accuracy_high,balanced_accuracy")


def test_without_an_error_there_is_nothing_to_resample(make_run, open_test) -> None:
    maker = make_run()
    trial, _ = maker.propose()
    maker.measure(trial, 1, 0.9)
    run = maker.close()
    open_test(run, {"final": 1.0, "winner": 0.9})
    data = read_run(run)
    found = estimates(data.predictions["final"], 0)
    assert (found["accuracy"].low, found["accuracy"].high) == (None, None)
    final = data.test.in_role("final")
    assert "Wilson" in accuracy_interval(data.predictions["final"], final, data)
    winner = data.test.in_role("winner")
    assert "bootstrap" in accuracy_interval(data.predictions["winner"], winner, data)
    assert "Wilson" in accuracy_interval(None, winner, data)
