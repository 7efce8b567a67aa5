"""Ray kills workers: while they are constructed, in their first trial, for the memory they take."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.faults.checking import check_whole
from tests.faults.conftest import GIGABYTE
from tests.faults.driving import STUDY, Search, wait_until, workers_until_the_end
from tests.faults.test_trials import sabotaged

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(600)]


def check_ended_in_order(search: Search, said: str) -> None:
    assert "Traceback" not in said, said
    assert search.events[-1]["event"] == "driver_stopped"


@pytest.mark.parametrize(
    ("kind", "reason", "failures"),
    [
        ("early_kill", "worker_lost", ["worker_lost"]),
        ("early_missing", "worker_lost", ["worker_lost"]),
        ("early_hog", "out_of_memory", ["out_of_memory"] * 3),
        ("hog", "out_of_memory", ["out_of_memory"] * 3),
    ],
)
def test_a_worker_lost_at_any_moment_is_a_failed_attempt(
    tmp_path, small_machine, kind, reason, failures
):
    search = sabotaged(
        tmp_path,
        {kind: "0.125"},
        budget={"trials": 3, "max_epochs": 3},
        resources={"max_failures": 1, "concurrent": 1},
    )
    if reason == "out_of_memory":
        search.prefix = small_machine(3 * GIGABYTE)
    ended = search.finish()
    check_ended_in_order(search, ended.stderr)
    assert ended.returncode == 0, ended.stderr
    check_whole(search, 3)
    broken, *others = search.history.trials.values()
    assert (broken.state, broken.reason) == ("FAIL", reason), broken.error
    assert [failure.reason for failure in broken.failures] == failures
    assert {t.state for t in others} <= {"COMPLETE", "PRUNED"}
    if reason == "out_of_memory":
        assert "Choose a smaller" in broken.error
        assert "in use" in broken.error, broken.error


def test_trials_that_do_not_fit_beside_each_other_run_one_by_one(tmp_path, small_machine):
    search = sabotaged(
        tmp_path,
        {"large": "0.125"},
        budget={"trials": 4, "max_epochs": 3, "grace_period": 3},
        space={"learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}},
        base=STUDY["base"] | {"dropout": 0.125},
        resources={"concurrent": 2},
    )
    search.prefix = small_machine(7 * GIGABYTE // 2)
    ended = search.finish()
    check_ended_in_order(search, ended.stderr)
    assert ended.returncode == 0, ended.stderr
    check_whole(search, 4)
    assert {t.state for t in search.history.trials.values()} == {"COMPLETE"}
    failures = search.named("attempt_failed")
    assert {(f["reason"], f["too_large"]) for f in failures} == {("out_of_memory", "share")}
    assert "with fewer trials at once on its machine" in ended.stdout


def test_workers_that_never_report_end_the_search_before_it_is_spent(tmp_path):
    search = sabotaged(
        tmp_path,
        {"early_missing": "0.125"},
        budget={"trials": 8, "max_epochs": 3},
        space={"learning_rate": {"low": 1e-3, "high": 1e-2, "log": True}},
        base=STUDY["base"] | {"dropout": 0.125},
        resources={"max_failures": 0, "concurrent": 1},
    )
    ended = search.finish()
    check_ended_in_order(search, ended.stderr)
    assert ended.returncode == 4, ended.stderr
    assert "libcudnn.so.9: cannot open shared object file" in ended.stderr
    assert "thawtune resume" in ended.stderr
    assert len(search.named("trial_ended")) == 3
    assert search.events[-1]["reason"] == "workers"


def test_a_gpu_that_fails_for_good_ends_its_worker(tmp_path):
    search = sabotaged(
        tmp_path,
        {"cuda": "0.125"},
        budget={"trials": 3, "max_epochs": 3},
        resources={"max_failures": 1, "concurrent": 1},
    )
    search.environment["THAWTUNE_TEST_RUN"] = str(search.run.folder)
    workers, code, said = workers_until_the_end(search)
    check_ended_in_order(search, said)
    assert code == 0, said
    check_whole(search, 3)
    broken, *others = search.history.trials.values()
    assert (broken.state, broken.reason) == ("FAIL", "worker_lost")
    assert [f.reason for f in broken.failures] == ["worker_lost"]
    assert {t.state for t in others} <= {"COMPLETE", "PRUNED"}
    assert len(workers) >= 3, "each attempt of the broken trial costs a worker"


def test_a_ray_that_dies_ends_the_search_with_a_sentence(tmp_path):
    """Ray would end its driver some seconds later, with exit code 1 and without a word."""
    budget = {"trials": 2, "max_epochs": 1000, "grace_period": 1000}
    search = Search(tmp_path, budget=budget, resources={"checkpoint_seconds": 0, "concurrent": 1})
    driver = search.start()
    wait_until(lambda: search.named("trial_checkpointed"))
    [raylet] = raylets_of(driver.pid)
    os.kill(raylet, signal.SIGKILL)
    _, said = driver.communicate(timeout=60)
    check_ended_in_order(search, said)
    assert driver.returncode == 4, said
    assert "raylet (exit code -9) on this machine has died" in said
    assert "thawtune resume" in said
    ended = search.finish()
    assert ended.returncode == 0, ended.stderr
    check_whole(search, 2)


def raylets_of(driver: int) -> list[int]:
    """Process ids of the raylets that a process has started."""
    listed = subprocess.run(["ps", "-o", "pid=", "--ppid", str(driver)], capture_output=True)
    children = [int(pid) for pid in listed.stdout.split()]
    return [pid for pid in children if Path(f"/proc/{pid}/exe").resolve().name == "raylet"]
