"""A command that is refused, for whatever reason, leaves every byte of the run as it was."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import socket

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from filelock import FileLock

from search.final_model.load import LABELS, MODEL
from search.records import events
from search.records.ledger import Ledger
from search.records.run import Run, write_json
from tests.search.answers import answer, state_of
from tests.search.final_runs import SCRATCH, save_model, save_weights, write_finetune

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

READERS = ["status", "report", "stop", "predict", "compare"]
WRITERS = ["resume", "search", "finetune", "evaluate", "export"]


@pytest.fixture
def run(sound, tmp_path):
    """A copy of it, beside a copy of the photos."""
    shutil.copytree(sound.parent, tmp_path, dirs_exist_ok=True)
    return Run(tmp_path / "run")


def words_of(command: str, run: Run) -> list[object]:
    """A command on the run as it is usually given; those that write really would."""
    photo, study = run.folder.parent / "photos" / "cat" / "one.png", run.folder.parent / "own.yaml"
    new = run.folder.parent / "new"
    return {
        "predict": ["predict", run.folder, photo],
        "compare": ["compare", run.folder, run.folder, "--output", new],
        "search": ["search", study, "--run", run.folder, "--resume", "--trials", 9],
        "resume": ["resume", run.folder, "--trials", 9],
        "evaluate": ["evaluate", run.folder, "--again"],
        "export": ["export", run.folder, "--output", new],
    }.get(command, [command, run.folder])


def refused(run: Run, words: list[object], code: int, said: str) -> None:
    """Check that a command is refused in these words, and that nothing has changed."""
    before = state_of(run.folder.parent)
    found = answer(*words)
    assert found.code == code, found
    assert said in " ".join(found.said.replace("│", " ").split())
    assert state_of(run.folder.parent) == before


@pytest.fixture(autouse=True)
def study_of_its_own(run):
    """The study file that the run began with, where a person has it."""
    shutil.copy2(run.study_file, run.folder.parent / "own.yaml")


WRONG_VALUES = {
    "resume RUN --trials 0": "should be",
    "resume RUN --trials many": "should be a valid integer",
    "resume RUN --minutes -1": "should be",
    "resume RUN --cpu 0": "should be",
    "resume RUN --gpu 2": "should be",
    "resume RUN --concurrent 0": "should be",
    "resume RUN --trails 9": "No such option",
    "resume RUN --trials 9 --data nowhere": "nothing to read from --data",
    "resume RUN --trials 9 --address 127.0.0.1:1": "Cannot use a Ray cluster at 127.0.0.1:1",
    "search own.yaml --run RUN --resume --address 127.0.0.1:1": "Cannot use a Ray cluster",
    "search own.yaml --run RUN": "exists already",
    "search own.yaml --run RUN --resume --seed -1": "should be",
    "search nowhere.yaml --run RUN --resume": "There is no study",
    "search photos --run RUN": "exists already",
    "fit own.yaml --run RUN": "exists already",
    "fit photos --run RUN --data photos": "--data is for a study",
    "demo --run RUN": "exists already",
    "finetune RUN --workers 0": "0 workers cannot train",
    "finetune RUN --workers 64": "cannot share a batch of 32",
    "finetune RUN --batch 0": "A batch cannot have 0 images",
    "finetune RUN --data nowhere": "nothing to read from --data",
    "evaluate RUN --again --data nowhere": "nothing to read from --data",
    "evaluate RUN --against RUN": "not with random",
    "export RUN --format caffe": "There is no format 'caffe'",
    "export RUN --quantize": "keras",
    "export RUN --output RUN/model/model.keras": "belongs to the run itself",
    "export RUN --output RUN/ledger.jsonl": "already exists",
    "export RUN --output RUN/checkpoints --force": "not a SavedModel",
    "export RUN --output RUN/ledger.jsonl/new": "cannot be written",
    "export RUN --data nowhere --output new": "nothing to read from --data",
    "predict RUN nowhere.png": "nowhere.png",
    "predict RUN RUN/study.yaml": "is not an image that can be read",
    "predict RUN photos --csv RUN/ledger.jsonl/new": "cannot be written",
    "predict RUN photos --top 0": "should be",
    "predict RUN photos --threshold 2": "should be",
    "predict RUN": "Missing argument",
    "report RUN --watch 0": "should be",
    "compare RUN": "One run cannot be compared",
    "compare RUN RUN --output RUN/ledger.jsonl/new": "cannot be written",
    "list RUN/nowhere": "There is no folder",
    "stop s3://bucket/run": "is a URL",
    "init photos --output RUN/study.yaml": "exists already",
    "init photos --output RUN/nowhere/study.yaml": "is not a folder",
    "data RUN/study.yaml --data nowhere": "nothing to read from --data",
    "describe RUN/study.yaml --recipe none": "none",
    "schema --output RUN/ledger.jsonl/new": "cannot be written",
}
"""By command, part of what is said; each ends with exit code 2."""


@pytest.mark.parametrize("words", WRONG_VALUES)
def test_a_wrong_value(words, run, monkeypatch):
    monkeypatch.chdir(run.folder.parent)
    given = [word.replace("RUN", "run") for word in words.split()]
    refused(run, given, 2, WRONG_VALUES[words])


def damage_the_ledger(run: Run) -> None:
    lines = run.ledger.read_bytes().splitlines(keepends=True)
    run.ledger.write_bytes(b"".join([lines[0], b"{}\n", *lines[1:]]))


def contradict_the_ledger(run: Run) -> None:
    lines = run.ledger.read_bytes().splitlines(keepends=True)
    run.ledger.write_bytes(b"".join(line for line in lines if b"trial_proposed" not in line))


def tear_the_ledger_of_a_newer_version(run: Run) -> None:
    lines = run.ledger.read_bytes().splitlines(keepends=True)
    opened = json.dumps(json.loads(lines[0]) | {"version": events.VERSION + 1}).encode()
    run.ledger.write_bytes(b"".join([opened, b"\n", *lines[1:], b'{"event": "torn']))


def damage_the_study(run: Run) -> None:
    run.study_file.write_text(run.study_file.read_text().replace("space:", "spice:"))


def remove_the_study(run: Run) -> None:
    run.study_file.unlink()


def put_a_folder_in_place_of_the_ledger(run: Run) -> None:
    run.ledger.unlink()
    run.ledger.mkdir()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (damage_the_ledger, "line 2 is damaged"),
        (contradict_the_ledger, "there is no trial 0"),
        (tear_the_ledger_of_a_newer_version, "Upgrade thawtune"),
        (damage_the_study, "study.yaml is damaged"),
        (remove_the_study, "is not a run"),
        (put_a_folder_in_place_of_the_ledger, "is not a run"),
    ],
)
@pytest.mark.parametrize("command", READERS + WRITERS)
def test_a_damaged_run(command, damage, said, run):
    damage(run)
    if command in ("predict", "stop") and run.ledger.is_file() and run.study_file.is_file():
        assert answer(*words_of(command, run)).code in (0, 4)  # they do not need the ledger
        return
    refused(run, words_of(command, run), 4, said)


@pytest.mark.parametrize("command", ["resume", "search", "finetune", "evaluate"])
def test_a_run_that_a_process_works_on(command, run):
    note = {"host": socket.gethostname(), "pid": os.getpid(), "command": "search", "since": 1.0}
    write_json(run.folder / ".driver.json", note)
    with FileLock(run.folder / ".lock"):
        refused(
            run,
            words_of(command, run),
            4,
            f"Another process (thawtune search, process {note['pid']}",
        )


OTHER_STUDIES = [
    ("high: 0.5", "high: 0.4"),
    ("max_epochs: 10", "max_epochs: 11"),
    ("image_size: 16", "image_size: 32"),
]


@pytest.mark.parametrize(("old", "new"), OTHER_STUDIES)
def test_another_study(old, new, run):
    own = run.folder.parent / "own.yaml"
    own.write_text(own.read_text().replace(old, new))
    refused(run, words_of("search", run), 4, "The study has changed")


def record_a_cluster(run: Run) -> None:
    """Let the search have begun at the address of a cluster that is gone now."""
    opened, *lines = run.ledger.read_bytes().splitlines(keepends=True)
    recorded = json.loads(opened) | {"options": {"address": "127.0.0.1:1"}}
    then = run.ledger.stat().st_mtime_ns
    run.ledger.write_bytes(b"".join([json.dumps(recorded).encode(), b"\n", *lines]))
    os.utime(run.ledger, ns=(then, then))


@pytest.mark.parametrize("command", ["resume", "search"])
def test_a_recorded_cluster_that_is_gone(command, run):
    record_a_cluster(run)
    refused(run, words_of(command, run), 2, "Cannot use a Ray cluster at 127.0.0.1:1")


def test_a_finished_search_does_not_need_its_cluster(run):
    record_a_cluster(run)
    before = state_of(run.folder)
    assert answer("resume", run.folder).code == 0
    assert state_of(run.folder) == before


def test_a_ray_of_its_own_can_take_the_place_of_a_cluster_that_is_gone(run):
    record_a_cluster(run)
    assert answer(*words_of("resume", run), "--address", "local").code is None, "it would search"
    assert run.history().options == {"address": "local", "trials": 9}


@pytest.mark.parametrize("words", ["resume run --trials 9", "search own.yaml --run new"])
def test_a_machine_on_which_ray_cannot_start(words, run, monkeypatch):
    monkeypatch.chdir(run.folder.parent)
    monkeypatch.setenv("RAY_TMPDIR", str(run.folder / ("long" * 20)))
    refused(run, words.split(), 2, "Ray needs a writable folder")


def test_another_seed(run):
    refused(run, [*words_of("search", run), "--seed", "7"], 4, "The study has changed")


def rewrite_the_contents(run: Run, subset: str) -> None:
    """Let the images of a set have had other pixels when the run began."""
    table = pq.read_table(run.sets)
    is_in = pc.equal(table["set"].cast(pa.string()), subset)
    contents = pc.if_else(is_in, "0" * 32, table["content"])
    table = table.set_column(table.column_names.index("content"), "content", contents)
    about = table.schema.metadata | {b"fingerprint": b"another"}
    pq.write_table(table.replace_schema_metadata(about), run.sets)


@pytest.mark.parametrize("command", ["resume", "search", "finetune", "evaluate"])
def test_images_that_have_changed(command, run):
    rewrite_the_contents(run, "validation")
    refused(run, words_of(command, run), 4, "have changed since the run started")


@pytest.mark.parametrize("command", [*WRITERS])
def test_sets_that_are_damaged(command, run):
    run.sets.write_bytes(run.sets.read_bytes()[:-50])
    refused(run, words_of(command, run), 4, "data.parquet is damaged")


def leave_no_winner(run: Run) -> None:
    lines = run.ledger.read_bytes().splitlines(keepends=True)
    run.ledger.write_bytes(b"".join(line for line in lines if b"trial_measured" not in line))


def leave_finalists_unfinished(run: Run) -> None:
    with Ledger(run.ledger) as ledger:
        ledger.append(events.trial_proposed(9, None, SCRATCH, 1))


def test_finetune_without_a_winner(run):
    leave_no_winner(run)
    refused(run, words_of("finetune", run), 4, "has a measurement yet")


def test_finetune_before_the_finalists_are_trained(run):
    leave_finalists_unfinished(run)
    refused(run, words_of("finetune", run), 4, "have not all been trained")


def remove_the_model(run: Run) -> None:
    shutil.rmtree(run.model)


def exchange_the_model(run: Run) -> None:
    path = run.model / "model.keras"
    path.write_bytes(path.read_bytes() + b"\0")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (remove_the_model, "has no final model yet"),
        (exchange_the_model, "is not the file that fine-tuning wrote"),
        (lambda run: run.finetune.write_text('{"sha256": 7}'), "finetune.json is damaged"),
        (lambda run: run.finetune.unlink(), "has no final model yet"),
    ],
    ids=["no model", "another model", "damaged record", "no record"],
)
@pytest.mark.parametrize("command", ["export", "evaluate", "predict"])
def test_a_final_model_that_is_not_there(command, change, said, run):
    change(run)
    refused(run, words_of(command, run), 4, said)


@pytest.mark.parametrize("command", ["finetune", "evaluate", "export"])
@pytest.mark.parametrize("name", ["data", "test"])
def test_a_result_that_the_model_card_needs(command, name, run):
    getattr(run, name).write_text("[]")
    refused(run, words_of(command, run), 4, f"{name}.json is damaged")


def test_a_test_set_that_has_been_opened_for_another_model(run):
    record = json.loads(run.test.read_text())
    for model in record["models"]:
        model["sha256"] = "0" * 64
    write_json(run.test, record)
    refused(run, ["evaluate", run.folder], 4, "for model 000000000000")


def test_weights_of_a_candidate_that_are_gone(run):
    shutil.rmtree(run.checkpoints)
    refused(run, words_of("evaluate", run), 4, "has no checkpoint to test")


def exchange_weights(run: Run) -> None:
    """Those of another network in the place of each trial's."""
    for number in run.history().trials:
        save_weights(run, number, dataclasses.replace(SCRATCH, dense_units=(9,)))


def break_the_model(run: Run) -> None:
    (run.model / MODEL).write_bytes(b"no model")
    write_finetune(run)


def shrink_the_model(run: Run) -> None:
    """The final model of another configuration, in which everything else fits."""
    save_model(run, dataclasses.replace(SCRATCH, image_size=12), 0)
    write_finetune(run)


def drop_a_class(run: Run) -> None:
    write_json(run.model / LABELS, ["only", "two"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (exchange_weights, "as winner. The checkpoint does not fit the trial's configuration"),
        (break_the_model, "cannot be loaded"),
        (shrink_the_model, "12 pixels"),
        (drop_a_class, "labels.json has 2 classes"),
    ],
)
def test_models_that_cannot_be_tested(change, said, run):
    """All of them are loaded before the test set is opened."""
    change(run)
    for name in ("test", "opening", "predictions"):
        getattr(run, name).unlink()
    refused(run, ["evaluate", run.folder], 4, said)


NOTHING_TO_DO = ["resume run", "search own.yaml --run run --resume", "evaluate run", "stop run"]


@pytest.mark.parametrize("words", [*NOTHING_TO_DO, "status run", "list .", "predict run photos"])
def test_a_command_that_has_nothing_to_do(words, run, monkeypatch):
    monkeypatch.chdir(run.folder.parent)
    before = state_of(run.folder)
    assert answer(*words.split()).code == 0
    assert state_of(run.folder) == before
