"""Tests for the tables of trials."""

from __future__ import annotations

from reports.analysis.trial_tables import (
    attempts_table,
    failures_table,
    incumbents_table,
    trials_table,
)
from reports.data.run_data import read_run
from search.records import events


def column(table, name) -> list:
    index = [c.name for c in table.columns].index(name)
    return [row.cells[index].value for row in table.rows]


def test_trials_are_ordered_best_first_and_failed_last(read) -> None:
    table = trials_table(read("complete"))
    metrics = column(table, "metric")
    finished = [value for value in metrics if value is not None]
    assert finished == sorted(finished, reverse=True)
    assert metrics[-2:] == [None, None]
    assert column(table, "state")[-2:] == ["FAIL", "FAIL"]
    assert [row.mark for row in table.rows].index("winner") == 0


def test_the_smallest_loss_is_first_where_it_counts(read) -> None:
    metrics = [v for v in column(trials_table(read("minimising")), "metric") if v is not None]
    assert metrics == sorted(metrics)


def test_a_failed_trial_shows_no_result_however_good_it_was(read) -> None:
    table = trials_table(read("all_failed"))
    assert column(table, "metric") == [None] * 3
    assert column(table, "epochs") == [2, 2, 2]
    assert all(row.mark is None for row in table.rows)


def test_incumbents_only_get_better(read) -> None:
    table = incumbents_table(read("complete"))
    assert column(table, "metric") == sorted(set(column(table, "metric")))
    assert column(table, "seconds") == sorted(column(table, "seconds"))
    assert incumbents_table(read("all_failed")).rows == ()


def test_failures_have_reason_and_error_without_folders(read) -> None:
    table = failures_table(read("nasty"))
    (error,) = column(table, "error")
    assert "alert(1)" in error
    assert "…/loop.py" in error
    assert "ann" not in error
    assert failures_table(read("one_trial")).rows == ()


def test_attempts_that_were_broken_off_are_told_by_trial(make_run, read) -> None:
    maker = make_run()
    trial, point = maker.propose()
    maker.measure(trial, 1, 0.9)
    maker.write(events.attempt_failed(trial, "out_of_memory", "OOM in /home/ann/x.py"))
    maker.train(trial, point, 2)
    maker.end(trial)
    table = attempts_table(read_run(maker.close()))
    assert [cell.value for cell in table.rows[0].cells] == [
        0, 1, "out_of_memory", "OOM in …/x.py", "COMPLETE",
    ]  # fmt: skip
    assert attempts_table(read("complete")).rows == ()


def test_repeats_of_finalists_are_no_trials_of_the_search(make_run) -> None:
    maker = make_run()
    first, _ = maker.propose()
    maker.measure(first, 1, 0.9)
    maker.end(first)
    again, _ = maker.propose(finalist_of=first)
    maker.measure(again, 1, 0.95)
    maker.end(again)
    data = read_run(maker.close())
    assert column(trials_table(data), "trial") == [first]
    assert [trial.number for trial in data.repeats] == [again]
    assert data.winner.number == first
