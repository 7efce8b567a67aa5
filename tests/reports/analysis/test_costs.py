"""Tests for the sums of seconds."""

from __future__ import annotations

import pytest

from reports.analysis.costs import KINDS, cost, cost_sentence, cost_table, stages
from reports.data.run_data import read_run
from reports.page.document import Text
from reports.sections.costs import section
from search.records import events


def test_kinds_are_those_of_the_measurements() -> None:
    assert KINDS == ("start", "data", "features", "train", "evaluate", "checkpoint")


def test_sums_add_up(read) -> None:
    data = read("complete")
    spent = cost(data)
    assert spent.total == pytest.approx(sum(t.total_seconds for t in data.history.trials.values()))
    assert spent.total == pytest.approx(sum(spent.of_kind(kind) for kind in KINDS))
    assert sum(spent.share(state) for state in spent.seconds) == pytest.approx(1)
    assert spent.of_kind("features") == pytest.approx(20 * 1.5)
    assert spent.trials == {"COMPLETE": 9, "PRUNED": 9, "FAIL": 2, "RUNNING": 0}


def test_the_table_has_the_states_there_are(read) -> None:
    table = cost_table(cost(read("all_failed")))
    assert [c.name for c in table.columns] == ["kind", "all", "share", "fail"]
    assert table.rows[-1].cells[2].value == 1
    assert [row.cells[0].value for row in table.rows] == [*KINDS, "total"]


def test_all_failed_is_all_spent_on_failed(read) -> None:
    assert cost(read("all_failed")).share("FAIL") == 1
    assert "100.0\u00a0% into trials that failed (6 epochs)" in cost_sentence(
        cost(read("all_failed"))
    )


@pytest.mark.parametrize("name", ["empty", "nothing_finished"])
def test_nothing_spent(read, name) -> None:
    spent = cost(read(name))
    assert spent.share("PRUNED") is None
    assert cost_sentence(spent) == "No trial has reported any seconds yet."
    assert spent.total == 0


def test_a_pruned_trial_counts_as_pruned(make_run) -> None:
    maker = make_run()
    for state in ("PRUNED", "COMPLETE"):
        trial, point = maker.propose()
        maker.train(trial, point, 1)
        maker.end(trial, state)
    spent = cost(read_run(maker.close()))
    assert spent.epochs["PRUNED"] == 1
    assert 0 < spent.share("PRUNED") < 1


def test_features_and_checkpoints_are_told_and_counted(make_run) -> None:
    maker = make_run()
    maker.write(
        events.features_stored(
            seconds=8, cores=2, bytes=3_000_000, hits=1000, misses=90, images=90
        ),
        8,
    )
    trial, point = maker.propose()
    maker.train(trial, point, 1)
    maker.write(events.trial_checkpointed(trial, 1, 40_000), 0.1)
    maker.end(trial, "COMPLETE")
    data = read_run(maker.close())
    said = " ".join(b.text for b in section(data).blocks if isinstance(b, Text))
    assert "90 images passed the frozen layers once" in said
    assert "3.0 MB stored" in said
    assert (
        "1,000 rows (an image's activations at a boundary) were in the cache, and 90 were" in said
    )
    assert "1 checkpoint was written, at most 40.0 kB" in said
    assert {s.name: s.seconds for s in stages(data)}["features"] == 16
