"""Workers die and trials fail; each failure gets the right reason, and other trials continue."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.faults.checking import check_whole
from tests.faults.driving import Search, wait_until, workers_of, workers_until_the_end

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(600)]

SABOTAGE = str(Path(__file__).parent / "sabotage")


def sabotaged(tmp_path, kinds, **sections):
    """A search that breaks the recipes whose dropouts are in `kinds`."""
    recipes = {
        f"broken_{dropout[2:]}": {"learning_rate": 3e-3, "dropout": float(dropout)}
        for dropout in kinds.values()
    }
    environment = {
        "PYTHONPATH": SABOTAGE,
        "THAWTUNE_SABOTAGE": ",".join(f"{kind}@{dropout}" for kind, dropout in kinds.items()),
    }
    return Search(tmp_path, environment=environment, recipes=recipes, **sections)


def test_a_killed_workers_trial_goes_on_from_its_checkpoint(tmp_path):
    # Enough epochs for several reports, a second apart: trial 0 still runs when it is killed.
    budget = {"trials": 3, "max_epochs": 300, "grace_period": 300}
    search = Search(
        tmp_path,
        environment={"THAWTUNE_TEST_RUN": str(tmp_path / "run")},
        budget=budget,
        resources={"checkpoint_seconds": 0, "concurrent": 1},
    )
    driver = search.start()
    wait_until(lambda: len(search.named("trial_checkpointed", trial=0)) >= 2)
    [worker] = workers_of(search.run)
    os.kill(worker, signal.SIGKILL)
    out, err = driver.communicate(timeout=240)
    assert driver.returncode == 0, err
    assert "trial 0 lost its worker; retrying" in out
    check_whole(search, 3)
    [failure] = search.named("attempt_failed")
    assert (failure["trial"], failure["reason"]) == (0, "worker_lost")
    first, second = search.named("trial_started", trial=0)
    saved = [
        e["epoch"]
        for e in search.named("trial_checkpointed", trial=0)
        if e["time"] < failure["time"]
    ]
    assert (second["resumed"], second["attempt"]) == (saved[-1], 2)
    assert first["resumed"] == 0
    assert search.history.trials[0].state == "COMPLETE"


@pytest.mark.parametrize("max_failures", [0, 2])
def test_a_worker_that_always_dies_is_tried_so_often_and_no_more(tmp_path, max_failures):
    search = sabotaged(
        tmp_path,
        {"kill": "0.125"},
        budget={"trials": 3, "max_epochs": 3},
        resources={"max_failures": max_failures},
    )
    ended = search.finish()
    assert ended.returncode == 0, ended.stderr
    check_whole(search, 3)
    trial = search.history.trials[0]
    assert (trial.state, trial.reason) == ("FAIL", "worker_lost")
    # Every attempt dies in the second epoch.
    assert len(search.named("attempt_failed", trial=0)) == max_failures
    assert {t.state for t in search.history.trials.values() if t.number} <= {"COMPLETE", "PRUNED"}


def test_each_failure_has_its_class_and_none_is_the_incumbent(tmp_path):
    kinds = {"oom": "0.125", "data": "0.25", "nothing": "0.375"}
    search = sabotaged(tmp_path, kinds, budget={"trials": 6, "max_epochs": 3})
    ended = search.finish()
    assert ended.returncode == 0, ended.stderr
    check_whole(search, 6)
    trials = {t.recipe: t for t in search.history.trials.values() if t.recipe}
    assert trials["broken_125"].state == "COMPLETE", "the second attempt took half batches"
    assert (trials["broken_125"].accumulate, trials["broken_125"].epochs) == (2, 3)
    assert [f.reason for f in trials["broken_125"].failures] == ["out_of_memory"]
    assert (trials["broken_25"].state, trials["broken_25"].reason) == ("FAIL", "data")
    assert "photo.jpg" in trials["broken_25"].error
    assert (trials["broken_375"].state, trials["broken_375"].reason) == ("FAIL", "error")
    assert "ran out of memory" in ended.stdout
    incumbent = search.history.incumbent(search.run.study().objective)
    assert incumbent.state != "FAIL"


def test_a_worker_that_has_grown_too_large_is_replaced(tmp_path):
    environment = {"THAWTUNE_WORKER_LIMIT": "1MB", "THAWTUNE_TEST_RUN": str(tmp_path / "run")}
    search = Search(tmp_path, environment=environment, budget={"trials": 4})
    workers, code, said = workers_until_the_end(search)
    assert (code, said) == (0, "")
    check_whole(search, 4)
    assert len(workers) >= 4
    assert not search.named("attempt_failed")
