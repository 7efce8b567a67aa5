"""Tests for rung survival."""

from __future__ import annotations

import pytest

from reports.analysis.rungs import rungs, rungs_table
from reports.data.run_data import read_run
from search.strategy.successive_halving import Rungs


@pytest.mark.parametrize(
    ("grace", "factor", "most", "epochs"),
    [
        (1, 3, 9, (1, 3)),
        (3, 3, 9, (3,)),
        (1, 3, 10, (1, 3, 9)),
        (2, 2, 30, (2, 4, 8, 16)),
        (1, 1.5, 4, (1, 2, 3)),
        (1, 1.1, 3, (1, 2)),
        (5, 3, 5, ()),
    ],
)
def test_the_report_shows_the_rungs_of_the_scheduler(make_run, grace, factor, most, epochs) -> None:
    budget = {"max_epochs": most, "grace_period": grace, "reduction_factor": factor}
    maker = make_run(budget=budget)
    maker.propose("linear_probe")
    shown = [rung.epoch for rung in rungs(read_run(maker.close(reason=None)))]
    assert shown == [0, *epochs, most]
    assert Rungs(maker.study).milestones == epochs


def test_each_trial_is_counted_once_where_it_ended(make_run) -> None:
    """Rungs at 1 and 3, end at 9."""
    maker = make_run()
    for epochs, state in ((9, "COMPLETE"), (4, "COMPLETE"), (3, "PRUNED"), (1, "PRUNED"),
                          (2, "FAIL"), (0, "FAIL"), (2, None)):  # fmt: skip
        trial, _ = maker.propose()
        for epoch in range(1, epochs + 1):
            maker.measure(trial, epoch, 0.5)
        if state:
            maker.end(trial, state)
    found = rungs(read_run(maker.close(reason=None)))
    assert [rung.epoch for rung in found] == [0, 1, 3, 9]
    assert [rung.reached for rung in found] == [7, 6, 3, 1]
    assert [tuple(rung.fates.values()) for rung in found] == [
        (6, 0, 0, 1, 0),
        (3, 0, 1, 1, 1),
        (1, 1, 1, 0, 0),
        (0, 1, 0, 0, 0),
    ]


def test_the_table_leaves_out_what_never_happened(read) -> None:
    table = rungs_table(rungs(read("one_trial")))
    assert [c.name for c in table.columns] == ["epoch", "reached", "continued", "ended", "share"]
    assert [row.cells[0].text for row in table.rows] == ["start", "1", "3", "end (9)"]
    assert table.rows[-1].cells[-1].value is None


def test_without_a_trial_there_is_no_rung(read) -> None:
    assert rungs(read("empty")) == []
