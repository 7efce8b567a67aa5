"""Making a run, or taking one up: only the number of trials and the time may change in between."""

from __future__ import annotations

import dataclasses
import io
import subprocess
import sys
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
from rich.console import Console

from search.driver.options import Options
from search.driver.prepare import prepared
from search.records import events
from search.records.ledger import Ledger, read_ledger
from search.records.run import Run, write_json
from spaces.errors import ChangedDataError, InputError, RunStateError, StudyError
from spaces.studies.study_file import load_study


def given_by(source):
    return None if source is None else nullcontext(source)


def prepare(folder, source, trials=None, resume=True, **options):
    """The run, and the study that it would be searched with; the run is released at once."""
    given, quiet = Options(trials=trials, **options), Console(file=io.StringIO())
    with prepared(Run(folder), given_by(source), given, resume, quiet) as found, found.begun:
        return Run(folder), found.study


@pytest.fixture
def study(tiny_study):
    return load_study(tiny_study)


def changed(tiny_study, old, new):
    text = tiny_study.read_text()
    assert text.count(old) == 1, old
    tiny_study.write_text(text.replace(old, new))
    return tiny_study


def test_a_new_run_has_its_study_its_ledger_and_its_data(tiny_study, study, tmp_path):
    run, to_run = prepare(tmp_path / "runs" / "new", tiny_study, None, resume=False)
    assert to_run.hash == run.study().hash == study.hash
    [opened] = read_ledger(run.ledger)
    assert (opened["event"], opened["study"], opened["hash"]) == (
        "study_opened",
        "tiny",
        study.hash,
    )
    assert {"keras", "tensorflow", "ray", "optuna", "python"} <= set(opened["versions"])
    data = run.read_json(run.data)
    assert data["classes"] == [str(digit) for digit in range(10)]
    assert sum(sum(data[name]) for name in ("train", "validation", "test")) == 300


def test_a_folder_that_is_there_is_not_overwritten(tiny_study, tmp_path):
    run, _ = prepare(tmp_path / "run", tiny_study, None, resume=False)
    before = run.ledger.read_bytes()
    with pytest.raises(InputError, match="exists already.*thawtune resume"):
        prepare(tmp_path / "run", tiny_study, None, resume=False)
    assert run.ledger.read_bytes() == before


def files_of(run):
    """Contents by name, the lock left out."""
    return {f.name: f.read_bytes() for f in run.folder.iterdir() if f.name != ".lock"}


def test_there_is_nothing_to_resume_where_there_is_no_run(tiny_study, tmp_path):
    with pytest.raises(InputError, match="There is no run"):
        prepare(tmp_path / "run", None)
    assert not (tmp_path / "run").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "holiday.jpg").touch()
    with pytest.raises(RunStateError, match="is not a run"):
        prepare(tmp_path / "other", tiny_study, None, resume=True)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["holiday.jpg"]


def test_a_run_is_taken_up_as_it_is(tiny_study, study, tmp_path):
    run, _ = prepare(tmp_path / "run", tiny_study, None, resume=False)
    before = files_of(run)
    again, to_run = prepare(tmp_path / "run", tiny_study, None, resume=True)
    assert again == run
    assert to_run.hash == study.hash
    assert files_of(run) == before


def test_trials_can_be_given_in_place_of_the_studys(tiny_study, study, tmp_path):
    run, to_run = prepare(tmp_path / "run", tiny_study, 7, resume=False)
    assert to_run.budget.trials == run.study().budget.trials == 7
    assert to_run.search_space == study.search_space
    assert to_run.recipe_points == study.recipe_points


@pytest.mark.parametrize("trials", [0, -3])
def test_a_number_of_trials_that_cannot_be_is_refused(tiny_study, tmp_path, trials):
    with pytest.raises(StudyError, match="trials is"):
        prepare(tmp_path / "run", tiny_study, trials, resume=False)
    assert not (tmp_path / "run").exists()


def test_trials_and_time_may_change(tiny_study, study, tmp_path):
    run, _ = prepare(tmp_path / "run", tiny_study, None, resume=False)
    more = changed(tiny_study, "trials: 4", "trials: 9\n  seconds: 60")
    _, to_run = prepare(tmp_path / "run", more, None, resume=True)
    assert to_run.budget.trials == 9
    assert run.study().budget.seconds == 60
    _, to_run = prepare(tmp_path / "run", more, 12, resume=True)
    assert run.study().budget.trials == to_run.budget.trials == 12


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("high: 1e-2, log: true", "high: 2e-2, log: true"),
        ("batch_size: 32", "batch_size: 16"),
        ("    dropout: 0.0", "    dropout: 0.1"),
        ("subset: 300", "subset: 200"),
        ("max_epochs: 3", "max_epochs: 4"),
        ("grace_period: 1", "grace_period: 2"),
        ("resources:", "seed: 5\nresources:"),
        ("cpu: 1", "feature_dtype: float16"),
        ("  hidden:", "  wide:"),
    ],
)
def test_anything_else_may_not(tiny_study, study, tmp_path, old, new):
    run, _ = prepare(tmp_path / "run", tiny_study, None, resume=False)
    before = run.study_file.read_bytes()
    other = changed(tiny_study, old, new)
    with pytest.raises(RunStateError, match="has changed since this run started") as error:
        prepare(tmp_path / "run", other, None, resume=True)
    differences = str(error.value).splitlines()
    assert any(line.strip().startswith("-") for line in differences)
    assert any(line.strip().startswith("+") for line in differences)
    assert run.study_file.read_bytes() == before


def test_the_machine_may_change_and_the_place_of_the_data(tiny_study, study, tmp_path):
    run, _ = prepare(tmp_path / "run", tiny_study, None, resume=False)
    other = changed(tiny_study, "cpu: 1", "cpu: 2\nfinalists: {count: 1}")
    _, to_run = prepare(tmp_path / "run", other, None, resume=True)
    assert (to_run.resources.cpu, to_run.finalists.count) == (2, 1)
    assert [event["event"] for event in read_ledger(run.ledger)] == [
        "study_opened",
        "study_changed",
    ]


def test_a_run_without_its_sets_is_refused_if_the_images_are_others(tiny_study, tmp_path):
    """Runs of older versions have no data.parquet."""
    run, _ = prepare(tmp_path / "run", tiny_study, None, resume=False)
    run.sets.unlink()
    prepare(tmp_path / "run", tiny_study, None, resume=True)
    assert run.sets.is_file(), "the images are the same, and so are the sets"
    run.sets.unlink()
    data = run.read_json(run.data)
    write_json(run.data, data | {"fingerprint": "0" * 64})
    with pytest.raises(ChangedDataError, match="images or their labels have changed"):
        prepare(tmp_path / "run", tiny_study, None, resume=True)
    assert not run.sets.exists()


@pytest.mark.parametrize("left", [0, 1, 3, 4])
@pytest.mark.parametrize("resume", [True, False])
def test_what_was_killed_before_it_began_is_begun(tiny_study, study, tmp_path, left, resume):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("study.yaml", "data.json", "data.parquet", "ledger.jsonl")[:left]:
        (folder / name).touch()
    run, _ = prepare(folder, tiny_study, None, resume=resume)
    assert len(read_ledger(run.ledger)) == 1


def test_a_change_of_comments_and_order_is_none(tiny_study, study, tmp_path):
    prepare(tmp_path / "run", tiny_study, None, resume=False)
    head, tail = tiny_study.read_text().split("budget:")
    tiny_study.write_text(f"budget:{tail}\n# turned round\n{head}")
    prepare(tmp_path / "run", tiny_study)


def test_a_run_of_a_dataset_that_is_not_there_leaves_nothing(tiny_study, tmp_path):
    missing = changed(tiny_study, "format: digits", f"format: folders\n  path: {tmp_path}/nowhere")
    with pytest.raises(StudyError, match="nowhere"):
        prepare(tmp_path / "run", missing, None, resume=False)
    assert not (tmp_path / "run").exists()


ROOT = Path(__file__).parents[3]
HOLDER = """
import sys
from search.live.lock import locked
from search.records.run import Run
from pathlib import Path

with locked(Run(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(folder):
    """Another process holds the run's lock."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, folder],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process.pid
        process.stdin.close()


def test_a_resume_that_is_refused_has_changed_nothing(tiny_study, tmp_path):
    """Another process drives the run: its study and its ledger are its own."""
    run, _ = prepare(tmp_path / "run", tiny_study, None, resume=False)
    with held(run.folder) as pid:
        before = files_of(run)
        for source in (tiny_study, None):
            with pytest.raises(RunStateError, match=f"process {pid} on .*thawtune stop"):
                prepare(tmp_path / "run", source, 40)
        assert files_of(run) == before
    prepare(tmp_path / "run", tiny_study, 40, resume=True)
    assert run.study().budget.trials == 40


def test_resume_takes_study_and_options_from_the_run(tiny_study, study, tmp_path):
    run, _ = prepare(tmp_path / "run", tiny_study, 7, False, minutes=3, concurrent=1, address="h:1")
    tiny_study.unlink()
    before = files_of(run)
    with prepared(run, None, Options(), True, Console(quiet=True)) as found, found.begun:
        to_run = found.study
        assert to_run.hash == run.study().hash
        assert found.options == Options(trials=7, minutes=3, concurrent=1, address="h:1")
        assert (to_run.budget.trials, to_run.budget.seconds) == (7, 180)
    assert files_of(run) == before
    _, to_run = prepare(tmp_path / "run", None, 9, concurrent=2)
    assert (to_run.budget.trials, to_run.budget.seconds) == (9, 180)
    _, again = prepare(tmp_path / "run", None)
    assert (again.budget.trials, again.resources.concurrent) == (9, 2)


def test_options_hold_until_others_are_given(tiny_study, tmp_path):
    """The same command without its options does not shrink the run to what the file says."""
    prepare(tmp_path / "run", tiny_study, 40, resume=False)
    _, to_run = prepare(tmp_path / "run", tiny_study)
    assert to_run.budget.trials == 40
    _, to_run = prepare(tmp_path / "run", changed(tiny_study, "cpu: 1", "cpu: 2"), 30)
    assert (to_run.budget.trials, to_run.resources.cpu) == (30, 2)


def test_a_study_that_was_changed_but_not_yet_written_is_resumed_as_changed(tiny_study, tmp_path):
    """Killed between the ledger's event and study.yaml."""
    run, _ = prepare(tmp_path / "run", tiny_study, 5, resume=False)
    old = run.study_file.read_bytes()
    prepare(tmp_path / "run", None, 8)
    run.study_file.write_bytes(old)
    prepare(tmp_path / "run", None)
    assert run.study().budget.trials == 8


def test_a_runs_own_study_that_was_narrowed_is_refused_with_the_trial_outside(
    tiny_study, study, tmp_path
):
    run, _ = prepare(tmp_path / "run", tiny_study, None, resume=False)
    point = dataclasses.replace(study.recipe_points["plain"], learning_rate=9e-3)
    with Ledger(run.ledger) as ledger:
        ledger.append(events.trial_proposed(0, None, point, 0))
    before = files_of(run)
    prepare(run.folder, None)
    assert files_of(run) == before
    text = study.to_yaml().replace("high: 0.01", "high: 0.005")
    assert text != study.to_yaml()
    run.study_file.write_text(text)
    with pytest.raises(RunStateError, match=r"trial 0 lies outside its space \(learning_rate is"):
        prepare(run.folder, None)
    assert run.study_file.read_text() == text


def test_another_seed_is_another_search(tiny_study, tmp_path):
    prepare(tmp_path / "run", tiny_study, None, False, seed=3)
    with pytest.raises(RunStateError, match=r"(?s)seed: 3.*seed: 4"):
        prepare(tmp_path / "run", tiny_study, seed=4)
    assert prepare(tmp_path / "run", tiny_study)[1].seed == 3


def test_a_file_is_no_folder_of_a_run(tiny_study, tmp_path):
    (tmp_path / "file").touch()
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InputError, match="is a file|cannot be made"):
            prepare(folder, tiny_study, None, resume=False)
