"""A run's folder: its paths, files that are whole or not there, and what is refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from search.records import events
from search.records.ledger import Ledger
from search.records.result_files import OPENING
from search.records.run import Run, write_json, write_whole
from spaces.errors import RunStateError
from spaces.hyperparameters import Hyperparameters

FILES = {
    "study_file": "study.yaml",
    "ledger": "ledger.jsonl",
    "trials": "trials.parquet",
    "epochs": "epochs.parquet",
    "checkpoints": "checkpoints",
    "finetune": "finetune.json",
    "test": "test.json",
    "model": "model",
    "report": "report",
}
"""As DESIGN.md names them."""


@pytest.mark.parametrize("name", FILES)
def test_everything_has_its_place(name):
    assert getattr(Run(Path("runs/x")), name) == Path("runs/x") / FILES[name]


def test_checkpoints_of_trials_are_apart_and_in_order():
    run = Run(Path("x"))
    folders = [run.trial_checkpoints(number) for number in (2, 10, 100)]
    assert sorted(folders) == folders
    assert len(set(folders)) == 3
    assert {Path(folder).parent for folder in folders} == {run.checkpoints.resolve()}
    copy = Run(Path("x"), remote="s3://bucket/x")
    assert copy.trial_checkpoints(2) == "s3://bucket/x/checkpoints/trial_00002"


def test_a_person_is_shown_where_a_file_of_a_working_copy_lies(tmp_path):
    page = tmp_path / "report" / "index.html"
    assert Run(tmp_path).shown(page) == str(page)
    there = Run(tmp_path, remote="s3://bucket/run?region=eu-west-1")
    assert there.shown(page) == "s3://bucket/run/report/index.html?region=eu-west-1"
    assert there.shown(tmp_path.parent / "x.onnx") == str(tmp_path.parent / "x.onnx")


@pytest.mark.parametrize("content", [b"\x00\xff", "Büro\n", ""])
def test_a_file_is_written_whole_and_nothing_else_is_left(tmp_path, content):
    path = tmp_path / "deep" / "file"
    for _ in range(2):
        write_whole(path, content)
    expected = content.encode() if isinstance(content, str) else content
    assert path.read_bytes() == expected
    assert list(path.parent.iterdir()) == [path]


def test_what_cannot_be_written_leaves_the_old_file(tmp_path):
    path = tmp_path / "file.json"
    write_json(path, {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": math.nan})
    assert Run(tmp_path).read_json(path) == {"a": 1}
    assert list(tmp_path.iterdir()) == [path]


class TestReading:
    def test_what_was_written_is_read(self, tmp_path):
        value = {"classes": ["ä", "b"], "nested": {"x": [1, 2.5, None, True]}}
        write_json(tmp_path / "x.json", value)
        assert Run(tmp_path).read_json(tmp_path / "x.json") == value

    def test_what_is_not_there_is_none(self, tmp_path):
        assert Run(tmp_path).read_json(tmp_path / "x.json") is None

    @pytest.mark.parametrize("content", [b"{", b"", b"\xff\xfe"])
    def test_what_is_damaged_is_refused_with_its_path(self, tmp_path, content):
        (tmp_path / "x.json").write_bytes(content)
        with pytest.raises(RunStateError, match=r"x\.json is damaged"):
            Run(tmp_path).read_json(tmp_path / "x.json")

    @pytest.mark.parametrize("content", ["[]", "{}", '{"openings": [{"opened": "then"}]}'])
    def test_what_has_another_shape_is_refused_with_its_path(self, tmp_path, content):
        (tmp_path / "x.json").write_text(content)
        with pytest.raises(RunStateError, match=r"x\.json is damaged: .*Delete it"):
            Run(tmp_path).read_json(tmp_path / "x.json", OPENING)


class TestHistory:
    """An event is refused if nothing here can have written it."""

    @pytest.fixture
    def written(self, make_measurement):
        """The events of a trial."""
        return [
            events.study_opened("study", "hash", {}),
            events.trial_proposed(0, None, Hyperparameters(dense_units=(64,)), 1),
            events.trial_started(0, "node", 1, 1, 0),
            events.trial_measured(0, make_measurement(1)),
            events.trial_ended(0, events.COMPLETE, "max_epochs"),
        ]

    @staticmethod
    def run_of(folder, written):
        with Ledger(folder / "ledger.jsonl") as ledger:
            ledger.append(*written)
        return Run(folder)

    def test_what_was_written_is_read(self, tmp_path, written):
        run = self.run_of(tmp_path, written)
        assert run.events() == written
        assert run.history().trials[0].epochs == 1

    def test_an_event_of_a_newer_version_is_left_to_it(self, tmp_path, written):
        run = self.run_of(tmp_path, [*written, {"event": "rested", "time": 1.0, "trial": []}])
        assert len(run.events()) == 6

    @pytest.mark.parametrize(
        ("at", "change", "said"),
        [
            (0, {"versions": None}, "versions of study_opened is None"),
            (1, {"finalist_of": 7}, "there is no trial 7"),
            (1, {"hyperparameters": {"dropout": 0.5, "droput": 0.5}}, "droput"),
            (1, {"hyperparameters": {"dropout": "0.5"}}, "dropout"),
            (1, {"hyperparameters": {"dropout": 1.5}}, "dropout is 1.5"),
            (2, {"trial": 1}, "there is no trial 1"),
            (2, {"node": 7}, "node of trial_started is 7"),
            (3, {"measurement": {"epoch": 1}}, "train_loss"),
            (3, {"time": "noon"}, "time of trial_measured is 'noon'"),
            (4, {"state": "RUNNING"}, "state of trial_ended is 'RUNNING'"),
        ],
    )
    def test_it_is_refused_with_its_line(self, tmp_path, written, at, change, said):
        written[at] |= change
        run = self.run_of(tmp_path, written)
        with pytest.raises(RunStateError) as caught:
            run.history()
        assert f"line {at + 1} is damaged" in str(caught.value)
        assert said in str(caught.value)

    def test_a_field_that_is_missing(self, tmp_path, written):
        del written[2]["node"]
        with pytest.raises(RunStateError, match="trial_started has no node"):
            self.run_of(tmp_path, written).history()


class TestStudy:
    def test_it_is_the_one_that_was_written(self, tmp_path, make_study):
        study, run = make_study(), Run(tmp_path)
        write_whole(run.study_file, study.to_yaml())
        write_whole(run.ledger, "")
        assert run.study().hash == study.hash

    @pytest.mark.parametrize("missing", ["study_file", "ledger"])
    def test_a_folder_without_its_files_is_no_run(self, tmp_path, make_study, missing):
        run = Run(tmp_path)
        write_whole(run.study_file, make_study().to_yaml())
        write_whole(run.ledger, "")
        getattr(run, missing).unlink()
        with pytest.raises(RunStateError, match="is not a run"):
            run.study()

    def test_a_folder_that_is_not_there_is_no_run(self, tmp_path):
        with pytest.raises(RunStateError, match="is not a run"):
            Run(tmp_path / "nowhere").study()

    def test_a_damaged_study_cannot_be_used(self, tmp_path, make_study):
        run = Run(tmp_path)
        write_whole(run.study_file, make_study().to_yaml().replace("space:", "spice:"))
        write_whole(run.ledger, "")
        with pytest.raises(RunStateError, match=r"study\.yaml"):
            run.study()
