"""Tests for finalists, importance and what the preflight found, as records of files."""

from __future__ import annotations

import dataclasses
import json
import shutil

import pytest

from reports.data.finalists import Finalists, bias_sentence, finalists_table
from reports.data.importance import Importance, importance_sentence, importance_table
from reports.data.preflight import Preflight, findings_table
from reports.data.run_data import read_run
from reports.sections.finalists import blocks
from search.records.choice import choose
from search.records.run import Run
from spaces.errors import RunStateError
from spaces.studies.study import Objective


def made(search: float, mean: float, states=("COMPLETE", "COMPLETE", "FAIL")) -> Finalists:
    values = [
        {"seed": i, "trial": 20 + i, "metric": None if s == "FAIL" else mean, "state": s}
        for i, s in enumerate(states)
    ]
    one = {"name": "trial 12", "trial": 12, "recipe": None, "search": search, "values": values}
    return Finalists.from_dict(
        {"seeds": 3, "finalists": [one | {"mean": mean, "std": 0.01}], "chosen": 12}
        | {"selection_bias": search - mean, "seconds": 33.1}
    )


def test_the_bias_stands_beside_its_standard_error() -> None:
    """A deviation of 1 point over 2 seeds is a standard error of 0.7."""
    text = bias_sentence(made(0.981, 0.976), Objective()).replace("\u00a0", " ")
    assert "Trial 12 had 98.1 % in the search and has 97.6 % as the mean of 2 new seeds." in text
    assert "The difference is +0.5 points, with a standard error of 0.7" in text
    assert "no more than the seeds differ among themselves" in text
    assert "no more than" in bias_sentence(made(1.0, 0.976), Objective()), "t of 2 seeds is 12.7"
    three = ("COMPLETE",) * 3
    assert "was a lucky one" in bias_sentence(made(1.0, 0.97, three), Objective())
    assert "was an unlucky one" in bias_sentence(made(0.94, 0.97, three), Objective())
    loss = Objective(metric="val_loss", mode="min")
    assert "The difference is +0.05, with a standard error of 0.0071" in bias_sentence(
        made(0.15, 0.10), loss
    )


@pytest.mark.parametrize("search", [0.97, 0.976, 0.99])
def test_whatever_the_bias_what_it_leaves_out_is_said(search) -> None:
    text = bias_sentence(made(search, 0.976), Objective())
    assert "no selection bias" not in text
    assert "stroke of luck" not in text
    assert "to plan by" not in text
    assert "one part of the selection bias, the luck of the seed, and nothing else" in text
    assert "so the mean still flatters" in text


def test_without_a_mean_nothing_is_claimed() -> None:
    empty = Finalists.from_dict({"seeds": 3, "finalists": [], "chosen": None})
    assert empty.winner is None
    assert "nothing is known" in bias_sentence(empty, Objective())
    assert finalists_table(empty, Objective()).rows == ()


def test_a_repeat_that_failed_does_not_count() -> None:
    [row] = finalists_table(made(0.981, 0.976), Objective()).rows
    assert row.mark == "winner"
    assert [cell.text for cell in row.cells][5] == "2 of 3"


def untested(runs, folder) -> Run:
    """A copy of the full run before anything was fine-tuned or tested."""
    shutil.copytree(runs["full"].folder, folder)
    run = Run(folder)
    run.test.unlink()
    run.finetune.unlink()
    return run


def test_before_the_test_the_winner_is_the_one_that_the_ledger_chooses(runs, tmp_path) -> None:
    """As `finetune` takes it: finalists.json is derived, and may be old."""
    run = untested(runs, tmp_path / "copy")
    values = json.loads(run.finalists.read_text())
    run.finalists.write_text(json.dumps(values | {"chosen": 0}))
    found = read_run(run)
    choice = choose(found.study, found.history)
    assert found.winner.number == choice.trial.number != 0


def test_finalists_that_are_not_finished_are_said(runs, tmp_path) -> None:
    run = untested(runs, tmp_path / "copy")
    found = read_run(run)
    assert not choose(found.study, found.history).is_final
    assert found.winner.number == found.history.incumbent(found.objective).number
    [said] = [block.text for block in blocks(found) if "have not all been trained" in str(block)]
    assert "thawtune resume" in said


@pytest.mark.parametrize("name", ["finalists.json", "importance.json"])
@pytest.mark.parametrize("content", ["{", "{}", '{"seeds": 3, "finalists": 5}'])
def test_a_file_that_is_wrong_is_named(runs, tmp_path, name, content) -> None:
    shutil.copytree(runs["full"].folder, tmp_path / "copy")
    (tmp_path / "copy" / name).write_text(content)
    with pytest.raises(RunStateError, match=name):
        read_run(Run(tmp_path / "copy"))


def test_importance_is_sorted_and_says_what_it_was_computed_from(read) -> None:
    found = read("full").importance
    assert [w.name for w in found.weights] == ["learning_rate", "dropout"]
    text = importance_sentence(found).replace("\u00a0", " ")
    assert "Learning rate mattered most: relative importance 0.80, 0.61 to 0.93" in text
    assert "PED-ANOVA from all 12 trials that got to epoch 1" in text
    assert "left out: 1 trial that failed, 1 trial that did not get there" in text
    for words in ("variance", "explains", "±"):
        assert words not in text
    assert [row.cells[1].text for row in importance_table(found).rows] == ["0.80", "0.20"]


def test_without_a_clear_first_none_is_named(read) -> None:
    found = read("full").importance
    unsure = dataclasses.replace(found.weights[0], first=0.9)
    text = importance_sentence(dataclasses.replace(found, weights=(unsure, found.weights[1])))
    assert text.startswith("Which hyperparameter mattered most could not be told: learning rate")


def test_importance_of_an_older_version_is_read_with_a_warning() -> None:
    """As 0.1.0 wrote it: fANOVA, the spread over forests, the last rung with enough trials."""
    found = Importance.from_dict(
        {"epoch": 3, "trials": 14, "sample": 14}
        | {"parameters": [{"name": "dropout", "mean": 0.2, "std": 0.3},
                          {"name": "learning_rate", "mean": 0.6, "std": 0.05}]}
    )  # fmt: skip
    assert [(w.name, w.low, w.high) for w in found.weights] == [
        ("learning_rate", pytest.approx(0.55), pytest.approx(0.65)),
        ("dropout", 0.0, 0.5),
    ]
    text = importance_sentence(found)
    assert "Learning rate comes first, relative importance 0.60" in text
    assert "from the 14 trials that reached epoch 3" in text
    assert "do not rely on the order" in text
    assert not found.has_a_first
    assert len(importance_table(found).rows) == 2
    assert Importance.from_dict({"epoch": 1, "trials": 0, "parameters": []}).weights == ()


def test_leaks_are_duplicates_across_sets(read) -> None:
    found = read("full").preflight
    assert found.leaks == 1
    counts = {row.cells[0].value: row.cells[1].value for row in findings_table(found).rows}
    assert counts["groups of equal images"] == 2
    assert counts["groups of equal images in more than one set (leaks)"] == 1
    assert counts["images that cannot be decoded"] == 1
    assert read("complete").preflight is None, "its data.json has counts alone"
    assert Preflight.from_dict({"classes": []}) is None
