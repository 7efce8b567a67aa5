"""Checks that hold for every finished run, whatever happened to it."""

from __future__ import annotations

from collections import Counter

import optuna
import pandas as pd
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from search.strategy.successive_halving import Rungs
from tests.faults.driving import Search


def check_whole(search: Search, trials: int) -> None:
    """Check that each trial and epoch is there once, all states are final, and all files agree."""
    history, study = search.history, search.run.study()
    assert sorted(history.trials) == list(range(trials))
    proposed = Counter(e["trial"] for e in search.named("trial_proposed"))
    assert set(proposed.values()) == {1}
    assert history.in_state("RUNNING") == []
    check_nothing_ran_again(search)

    table = pd.read_parquet(search.run.trials).set_index("trial")
    assert sorted(table.index) == list(range(trials))
    assert table.state.to_dict() == {n: t.state for n, t in history.trials.items()}
    epochs = pd.read_parquet(search.run.epochs)
    counted = epochs.groupby("trial").epoch.agg(list).to_dict()
    for number, trial in history.trials.items():
        assert counted.get(number, []) == list(range(1, trial.epochs + 1))

    told = optuna.load_study(study_name=study.name, storage=_journal(search)).trials
    assert [t.state.name for t in told] == [history.trials[n].state for n in range(trials)]

    replayed = Rungs(study)
    for event in search.events:
        replayed.take(event)
    for milestone in replayed.milestones:
        stands = epochs[(epochs.epoch == milestone) & epochs.val_accuracy.notna()]
        expected = dict(zip(stands.trial, stands.val_accuracy, strict=True))
        assert replayed.values[milestone] == expected


def check_nothing_ran_again(search: Search) -> None:
    """Check that nothing happened to a trial after it had ended."""
    over: set[int] = set()
    for event in search.events:
        if "trial" in event:
            assert event["trial"] not in over, event
        if event["event"] == "trial_ended":
            over.add(event["trial"])


def _journal(search: Search) -> JournalStorage:
    return JournalStorage(JournalFileBackend(str(search.run.journal)))
