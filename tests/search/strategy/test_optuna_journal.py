"""The Optuna journal: every trial with its true state, also after the run is opened anew."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.records import events
from search.records.history import History
from search.strategy.optuna_journal import Journal


@pytest.fixture
def study(make_study):
    return make_study()


@pytest.fixture
def opened():
    """Makes journals, and closes them at the end."""
    with ExitStack() as stack:

        def make(*arguments):
            return stack.enter_context(closing(Journal(*arguments)))

        yield make


@pytest.fixture
def log(study, make_measurement):
    points = list(study.recipe_points.items())
    ends = [("COMPLETE", "max_epochs", None), ("PRUNED", "scheduler", None)]
    ends += [("FAIL", "non_finite", "the loss was nan"), None]
    made = []
    for number, end in enumerate(ends):
        name, point = points[number % 2]
        made.append(events.trial_proposed(number, name if number < 2 else None, point, number))
        made += [
            events.trial_measured(number, make_measurement(epoch, 0.1 * epoch + 0.01 * number))
            for epoch in (1, 2)
        ]
        if end:
            made.append(events.trial_ended(number, *end))
    made.append(events.trial_proposed(4, None, points[0][1], 9, finalist_of=0))
    made.append(events.trial_ended(4, "FAIL", "error", "no"))
    return made


def trials_in(path):
    storage = JournalStorage(JournalFileBackend(str(path)))
    [name] = optuna.get_all_study_names(storage)
    loaded = optuna.load_study(study_name=name, storage=storage)
    return loaded, [
        (t.number, t.state.name, t.value, dict(t.intermediate_values), t.user_attrs.get("reason"))
        for t in loaded.trials
    ]


def test_states_are_told_as_they_are_live_and_anew(opened, study, log, tmp_path):
    live, anew = tmp_path / "live.journal", tmp_path / "anew.journal"
    history = History()
    journal = opened(live, study, history)
    for event in log:
        history.take(event)
        journal.take(event)
    opened(anew, study, History.of(log))
    loaded, seen = trials_in(live)
    for number, state, value, reason in [
        (0, "COMPLETE", 0.2, "max_epochs"),
        (1, "PRUNED", None, "scheduler"),
        (2, "FAIL", None, "non_finite"),
        (3, "RUNNING", None, None),
    ]:
        assert seen[number][:3] == (number, state, value and pytest.approx(value))
        assert seen[number][4] == reason
    assert seen[1][3] == {1: pytest.approx(0.11), 2: pytest.approx(0.21)}
    assert len(seen) == 4, "a repeat of a finalist is no trial of the study"
    assert loaded.study_name == study.name
    assert loaded.best_trial.number == 0
    assert loaded.trials[0].params["learning_rate"] == 1e-3
    assert trials_in(anew)[1][:3] == seen[:3]


def test_it_is_written_anew_over_what_is_there(opened, study, log, tmp_path):
    path = tmp_path / "study.journal"
    path.write_text("torn")
    for _ in range(2):
        opened(path, study, History.of(log))
    assert len(trials_in(path)[1]) == 4


def test_a_lock_that_a_killed_process_has_left_holds_nothing_up(opened, study, log, tmp_path):
    """Optuna's own lock is a link beside the file; whoever finds it waits for ever."""
    path = tmp_path / "study.journal"
    path.with_name("study.journal.lock").symlink_to(path)
    opened(path, study, History.of(log))
    assert len(trials_in(path)[1]) == 4


def test_its_failure_is_said_once_and_ends_nothing(opened, study, log, tmp_path):
    heard, history = [], History()
    path = tmp_path / "nowhere" / "study.journal"
    journal = opened(path, study, history, heard.append)
    for event in log:
        history.take(event)
        journal.take(event)
    [said] = heard
    assert str(path) in said
    assert "the search continues" in said


def test_a_disk_that_fills_up_ends_the_journal_alone(opened, study, log, tmp_path):
    heard, history = [], History()
    journal = opened(tmp_path / "study.journal", study, history, heard.append)
    journal._lines._file.close()
    journal._lines._file = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115
    for event in log:
        history.take(event)
        journal.take(event)
    assert ["No space left on device" in said for said in heard] == [True]


def test_an_event_is_one_write_and_no_fsync(opened, study, make_measurement, tmp_path, monkeypatch):
    """An ended trial of 50 epochs took 54 fsyncs, each under a lock."""
    history, calls = History(), []
    journal = opened(tmp_path / "study.journal", study, history)
    monkeypatch.setattr("os.fsync", lambda descriptor: calls.append("fsync"))
    file = journal._lines._file

    class Counted:
        def write(self, content):
            calls.append("write")
            return file.write(content)

        def close(self):
            file.close()

    journal._lines._file = Counted()
    point = next(iter(study.recipe_points.values()))
    happened = [events.trial_proposed(0, None, point, 0)]
    happened += [events.trial_measured(0, make_measurement(epoch)) for epoch in range(1, 51)]
    for event in [*happened, events.trial_ended(0, "COMPLETE", "max_epochs")]:
        history.take(event)
        journal.take(event)
    assert calls == ["write", "write"]
    [trial] = trials_in(tmp_path / "study.journal")[1]
    assert len(trial[3]) == 50
