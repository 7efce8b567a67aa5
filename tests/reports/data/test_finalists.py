"""Tests for finalists, importance and what the preflight found, as records of files."""

from __future__ import annotations

import json
import shutil

import pytest

from reports.data.finalists import Finalists, bias_sentence, finalists_table
from reports.data.importance import Importance, importance_table
from reports.data.preflight import Preflight, findings_table
from reports.data.run_data import read_run
from search.records.run import Run
from spaces.errors import RunStateError
from spaces.study import Objective


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


def test_the_bias_is_said_in_words() -> None:
    text = bias_sentence(made(0.981, 0.976), Objective()).replace("\u00a0", " ")
    assert "Trial 12 had 98.1 % in the search and has 97.6 % on the mean of 2 new seeds." in text
    assert "The 0.5 points between them are selection bias" in text
    assert "no selection bias" in bias_sentence(made(0.97, 0.98), Objective())
    loss = Objective(metric="val_loss", mode="min")
    assert "The 0.05 between them" in bias_sentence(made(0.15, 0.10), loss)


def test_without_a_mean_nothing_is_claimed() -> None:
    empty = Finalists.from_dict({"seeds": 3, "finalists": [], "chosen": None})
    assert empty.winner is None
    assert "nothing is known" in bias_sentence(empty, Objective())
    assert finalists_table(empty, Objective()).rows == ()


def test_a_repeat_that_failed_does_not_count() -> None:
    [row] = finalists_table(made(0.981, 0.976), Objective()).rows
    assert row.mark == "winner"
    assert [cell.text for cell in row.cells][5] == "2 of 3"


def test_the_chosen_finalist_is_the_winner_before_anything_is_tested(read, runs, tmp_path) -> None:
    shutil.copytree(runs["full"].folder, tmp_path / "copy")
    run = Run(tmp_path / "copy")
    run.test.unlink()
    run.finetune.unlink()
    values = json.loads(run.finalists.read_text())
    run.finalists.write_text(json.dumps(values | {"chosen": 0}))
    assert read_run(run).winner.number == 0
    assert read("full").winner.number != 0


@pytest.mark.parametrize("name", ["finalists.json", "importance.json"])
@pytest.mark.parametrize("content", ["{", "{}", '{"seeds": 3, "finalists": 5}'])
def test_a_file_that_is_wrong_is_named(runs, tmp_path, name, content) -> None:
    shutil.copytree(runs["full"].folder, tmp_path / "copy")
    (tmp_path / "copy" / name).write_text(content)
    with pytest.raises(RunStateError, match=name):
        read_run(Run(tmp_path / "copy"))


def test_importance_is_sorted_and_says_what_it_rests_on(read) -> None:
    found = read("full").importance
    assert [w.name for w in found.weights] == ["learning_rate", "dropout"]
    assert "at epoch 3" in found.fidelity
    assert "14 trials came that far" in found.fidelity
    assert [row.cells[1].text for row in importance_table(found).rows] == ["0.60", "0.20"]
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
