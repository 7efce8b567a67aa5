"""Tests for the small JSON files of a run."""

from __future__ import annotations

import json
import shutil

import pytest

from reports.data.result_files import DataSets, Evaluation, FineTuning, read_record
from reports.data.run_data import read_run
from reports.sections import data_sets
from search.records.run import Run
from spaces.errors import RunStateError


@pytest.fixture
def complete(runs, tmp_path) -> Run:
    shutil.copytree(runs["complete"].folder, tmp_path / "copy")
    return Run(tmp_path / "copy")


def test_a_file_that_is_not_there_is_none(tmp_path) -> None:
    run = Run(tmp_path)
    assert read_record(run, run.test, Evaluation.from_dict) is None
    assert read_record(run, run.finetune, FineTuning.from_dict) is None


@pytest.mark.parametrize("name", ["test.json", "finetune.json", "data.json"])
@pytest.mark.parametrize("content", ["{", "{}", "[]", "null", '{"classes": 3}'])
def test_a_file_that_is_wrong_is_named_in_a_sentence(complete, name, content) -> None:
    (complete.folder / name).write_text(content)
    with pytest.raises(RunStateError, match=name):
        read_run(complete)


def test_a_trial_of_another_run_is_refused(complete) -> None:
    values = json.loads(complete.finetune.read_text())
    complete.finetune.write_text(json.dumps(values | {"trial": 99}))
    with pytest.raises(RunStateError, match="refers to trial 99"):
        read_run(complete)


@pytest.mark.parametrize(("key", "value"), [("role", "champion"), ("accuracy", 1.5)])
def test_a_model_that_cannot_be_is_refused(complete, key, value) -> None:
    values = json.loads(complete.test.read_text())
    values["models"][0][key] = value
    complete.test.write_text(json.dumps(values))
    with pytest.raises(RunStateError, match=str(value)):
        read_run(complete)


def test_counts_must_fit_the_classes() -> None:
    with pytest.raises(ValueError, match="test has 1 counts"):
        DataSets(("a", "b"), (1, 2), (1, 2), (1,), "")


def test_models_by_role_and_trial(read) -> None:
    test = read("complete").test
    assert test.in_role("final").name == "final"
    assert test.of_trial(test.in_role("winner").trial).name == "winner"
    assert test.of_trial(0).name == "linear_probe"
    assert test.of_trial(77) is None


@pytest.mark.parametrize("opening", [1_767_700_000.0, {"opened": 1_767_700_000.0, "sha256": "ab"}])
def test_a_second_opening_is_said_for_ever(complete, opening) -> None:
    values = json.loads(complete.test.read_text())
    complete.test.write_text(json.dumps(values | {"again": [opening]}))
    data = read_run(complete)
    assert data.test.again == (1_767_700_000.0,)
    texts = [block.text for block in data_sets.section(data).blocks if block.kind == "text"]
    assert any("deliberately opened again (2026-01-06 11:46 UTC)" in text for text in texts)
