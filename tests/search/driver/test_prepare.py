"""Making a run, or taking one up: only the number of trials and the time may change in between."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from search.driver import prepare as preparing
from search.live.live_run import locked
from search.records.ledger import read_ledger
from search.records.run import Run, write_json
from spaces.errors import ChangedDataError, DataError, InputError, RunStateError
from spaces.study_file import load_study


def prepare(folder, study, trials, resume):
    return preparing.prepare(Run(folder), study, trials, resume, Console(file=io.StringIO()))


@pytest.fixture
def study(tiny_study):
    return load_study(tiny_study)


def changed(tiny_study, old, new):
    text = tiny_study.read_text()
    assert text.count(old) == 1, old
    tiny_study.write_text(text.replace(old, new))
    return load_study(tiny_study)


def test_a_new_run_has_its_study_its_ledger_and_its_data(study, tmp_path):
    run, to_run = prepare(tmp_path / "runs" / "new", study, None, resume=False)
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


def test_a_folder_that_is_there_is_not_overwritten(study, tmp_path):
    run, _ = prepare(tmp_path / "run", study, None, resume=False)
    before = run.ledger.read_bytes()
    with pytest.raises(InputError, match="exists already.*--resume"):
        prepare(tmp_path / "run", study, None, resume=False)
    assert run.ledger.read_bytes() == before


def files_of(run):
    """Contents by name, the lock left out."""
    return {f.name: f.read_bytes() for f in run.folder.iterdir() if f.name != ".lock"}


def test_there_is_nothing_to_resume_where_there_is_no_run(study, tmp_path):
    with pytest.raises(InputError, match="There is no run"):
        prepare(tmp_path / "run", study, None, resume=True)
    assert not (tmp_path / "run").exists()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "holiday.jpg").touch()
    with pytest.raises(RunStateError, match="is not a run"):
        prepare(tmp_path / "other", study, None, resume=True)
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["holiday.jpg"]


def test_a_run_is_taken_up_as_it_is(study, tmp_path):
    run, _ = prepare(tmp_path / "run", study, None, resume=False)
    before = files_of(run)
    again, to_run = prepare(tmp_path / "run", study, None, resume=True)
    assert again == run
    assert to_run.hash == study.hash
    assert files_of(run) == before


def test_trials_can_be_given_in_place_of_the_studys(study, tmp_path):
    run, to_run = prepare(tmp_path / "run", study, 7, resume=False)
    assert to_run.budget.trials == run.study().budget.trials == 7
    assert to_run.search_space == study.search_space
    assert to_run.recipe_points == study.recipe_points


@pytest.mark.parametrize("trials", [0, -3])
def test_a_number_of_trials_that_cannot_be_is_refused(study, tmp_path, trials):
    with pytest.raises(InputError, match=f"{trials} trials"):
        prepare(tmp_path / "run", study, trials, resume=False)
    assert not (tmp_path / "run").exists()


def test_trials_and_time_may_change(tiny_study, study, tmp_path):
    run, _ = prepare(tmp_path / "run", study, None, resume=False)
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
        ("  hidden:", "  wide:"),
    ],
)
def test_anything_else_may_not(tiny_study, study, tmp_path, old, new):
    run, _ = prepare(tmp_path / "run", study, None, resume=False)
    before = run.study_file.read_bytes()
    other = changed(tiny_study, old, new)
    with pytest.raises(RunStateError, match="has changed since this run started") as error:
        prepare(tmp_path / "run", other, None, resume=True)
    differences = str(error.value).splitlines()
    assert any(line.strip().startswith("-") for line in differences)
    assert any(line.strip().startswith("+") for line in differences)
    assert run.study_file.read_bytes() == before


def test_the_machine_may_change_and_the_place_of_the_data(tiny_study, study, tmp_path):
    run, _ = prepare(tmp_path / "run", study, None, resume=False)
    other = changed(tiny_study, "cpu: 1", "cpu: 2\nfinalists: {count: 1}")
    _, to_run = prepare(tmp_path / "run", other, None, resume=True)
    assert (to_run.resources.cpu, to_run.finalists.count) == (2, 1)
    assert [event["event"] for event in read_ledger(run.ledger)] == [
        "study_opened",
        "study_changed",
    ]


def test_a_run_without_its_sets_is_refused_if_the_images_are_others(study, tmp_path):
    """Runs of older versions have no data.parquet."""
    run, _ = prepare(tmp_path / "run", study, None, resume=False)
    run.sets.unlink()
    prepare(tmp_path / "run", study, None, resume=True)
    assert run.sets.is_file(), "the images are the same, and so are the sets"
    run.sets.unlink()
    data = run.read_json(run.data)
    write_json(run.data, data | {"fingerprint": "0" * 64})
    with pytest.raises(ChangedDataError, match="images or their labels have changed"):
        prepare(tmp_path / "run", study, None, resume=True)
    assert not run.sets.exists()


@pytest.mark.parametrize("left", [0, 1, 3, 4])
@pytest.mark.parametrize("resume", [True, False])
def test_what_was_killed_before_it_began_is_begun(study, tmp_path, left, resume):
    folder = tmp_path / "run"
    folder.mkdir()
    for name in ("study.yaml", "data.json", "data.parquet", "ledger.jsonl")[:left]:
        (folder / name).touch()
    run, _ = prepare(folder, study, None, resume=resume)
    assert len(read_ledger(run.ledger)) == 1


def test_a_change_of_comments_and_order_is_none(tiny_study, study, tmp_path):
    prepare(tmp_path / "run", study, None, resume=False)
    head, tail = tiny_study.read_text().split("budget:")
    tiny_study.write_text(f"budget:{tail}\n# turned round\n{head}")
    prepare(tmp_path / "run", load_study(tiny_study), None, resume=True)


def test_a_run_of_a_dataset_that_is_not_there_leaves_nothing(make_study, tmp_path):
    missing = make_study(dataset={"format": "folders", "path": str(tmp_path / "nowhere")})
    with pytest.raises(DataError):
        prepare(tmp_path / "run", missing, None, resume=False)
    assert not (tmp_path / "run").exists()


def test_a_resume_that_is_refused_has_changed_nothing(study, tmp_path):
    """Another process drives the run: its study and its ledger are its own."""
    run, _ = prepare(tmp_path / "run", study, None, resume=False)
    before = files_of(run)
    with locked(run), pytest.raises(RunStateError, match="Another process drives the run"):
        prepare(tmp_path / "run", study, 40, resume=True)
    assert files_of(run) == before
    prepare(tmp_path / "run", study, 40, resume=True)
    assert run.study().budget.trials == 40
