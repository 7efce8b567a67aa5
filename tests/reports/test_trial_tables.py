"""Tests for the tables of trials."""

from __future__ import annotations

from reports.trial_tables import failures_table, incumbents_table, recipes_table, trials_table


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


def test_recipes_stand_beside_the_winner(read) -> None:
    table = recipes_table(read("complete"))
    assert column(table, "name") == ["winner", "linear_probe", "two_phase"]
    assert column(table, "test_accuracy") == [0.9833, 0.9361, 0.95]
    table = recipes_table(read("one_trial"))
    assert column(table, "state") == ["COMPLETE", "COMPLETE", "not tried yet"]
    assert column(table, "test_accuracy") == [None, None, None]
    assert column(recipes_table(read("empty")), "name") == ["linear_probe", "two_phase"]


def test_failures_have_reason_and_error_without_folders(read) -> None:
    table = failures_table(read("nasty"))
    (error,) = column(table, "error")
    assert "alert(1)" in error
    assert "…/loop.py" in error
    assert "ann" not in error
    assert failures_table(read("one_trial")).rows == ()
