"""The Optuna journal: every trial with its true state, also after the run is opened anew."""

from __future__ import annotations

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


def test_states_are_told_as_they_are_live_and_anew(study, log, tmp_path):
    live, anew = tmp_path / "live.journal", tmp_path / "anew.journal"
    history = History()
    journal = Journal(live, study, history)
    for event in log:
        history.take(event)
        journal.take(event)
    Journal(anew, study, History.of(log))
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


def test_it_is_written_anew_over_what_is_there(study, log, tmp_path):
    path = tmp_path / "study.journal"
    path.write_text("torn")
    for _ in range(2):
        Journal(path, study, History.of(log))
    assert len(trials_in(path)[1]) == 4
