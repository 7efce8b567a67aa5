"""The driver is killed, stopped or started twice; the search resumes as if nothing had happened."""

from __future__ import annotations

import json
import random
import signal
import time

import pytest

from tests.faults.checking import check_nothing_ran_again, check_whole
from tests.faults.driving import Search, kill, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.timeout(1200)]

KILLS = 20


@pytest.mark.faults
def test_killed_at_twenty_moments_it_loses_no_finished_trial(tmp_path):
    budget = {"trials": 30, "max_epochs": 81, "grace_period": 3, "reduction_factor": 3}
    search = Search(tmp_path, budget=budget)
    chance = random.Random(7)
    finished: dict[int, tuple[str, int]] = {}
    alive = 0
    for number in range(KILLS):
        driver = search.start()
        before = len(search.events)
        if (
            number % 3
        ):  # two of three kills while trials run, the others at any time, even at the start
            wait_until(
                lambda b=before, d=driver: len(search.events) > b + 3 or d.poll() is not None
            )
            time.sleep(chance.uniform(0, 1.2))
        else:
            time.sleep(chance.uniform(0, 9))
        alive += driver.poll() is None
        kill(driver)
        over = {t.number: (t.state, t.epochs) for t in search.history.trials.values() if t.is_over}
        assert finished.items() <= over.items()
        check_nothing_ran_again(search)
        finished = over
    assert alive == KILLS, "the search was over before it was killed often enough"
    ended = search.finish()
    assert ended.returncode == 0, ended.stderr
    assert (
        finished.items()
        <= {n: (t.state, t.epochs) for n, t in search.history.trials.items()}.items()
    )
    check_whole(search, 30)


@pytest.mark.faults
def test_killed_once_in_an_epoch_it_goes_on(tmp_path):
    search = Search(tmp_path)
    driver = search.start()
    wait_until(lambda: len(search.named("trial_ended")) >= 2)
    kill(driver)
    finished = {n for n, t in search.history.trials.items() if t.is_over}
    ended = search.finish()
    assert ended.returncode == 0, ended.stderr
    check_whole(search, 8)
    assert finished <= set(search.history.trials)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGUSR1, 138)]
)
def test_a_signal_ends_it_in_order_even_in_a_long_epoch(tmp_path, number, code):
    slow = {"image_size": 96, "unfrozen_depth": 40, "batch_size": 32}
    space = {"learning_rate": {"low": 1e-4, "high": 1e-3, "log": True}}
    recipes = {"plain": {"learning_rate": 3e-4}}
    budget = {"trials": 3, "max_epochs": 2}
    search = Search(
        tmp_path,
        dataset={"format": "digits"},
        base=slow,
        space=space,
        recipes=recipes,
        budget=budget,
    )
    driver = search.start()
    wait_until(lambda: search.named("trial_proposed", trial=1), 60)
    time.sleep(15)
    began = time.monotonic()
    driver.send_signal(number)
    _, said = driver.communicate(timeout=60)
    assert driver.returncode == code
    assert time.monotonic() - began < 30
    assert f"thawtune resume {search.run.folder}" in said
    assert "Traceback" not in said
    assert search.run.trials.exists()


@pytest.mark.faults
def test_ended_by_a_signal_it_keeps_the_epochs_that_were_done(tmp_path):
    budget = {
        "trials": 3,
        "max_epochs": 2000,
        "grace_period": 2000,
    }  # without any rung before the end
    search = Search(tmp_path, budget=budget, resources={"checkpoint_seconds": 3600})
    driver = search.start()
    wait_until(lambda: len(search.named("trial_measured", trial=0)) > 5)
    driver.send_signal(signal.SIGTERM)
    driver.communicate(timeout=30)
    assert driver.returncode == 143
    done = {n: t.epochs for n, t in search.history.trials.items() if t.epochs}
    assert not search.named("trial_ended")
    assert search.history.stopped["reason"] == "SIGTERM"
    driver = search.start()
    wait_until(lambda: len(search.named("trial_started")) >= 2 * len(done))
    kill(driver)
    resumed = {e["trial"]: e["resumed"] for e in search.named("trial_started") if e["resumed"]}
    assert resumed == done


@pytest.mark.faults
def test_a_second_signal_ends_it_at_once(tmp_path):
    search = Search(tmp_path, budget={"trials": 40, "max_epochs": 400, "grace_period": 400})
    driver = search.start()
    wait_until(lambda: search.named("trial_measured"))
    driver.send_signal(signal.SIGINT)
    time.sleep(0.2)
    began = time.monotonic()
    driver.send_signal(signal.SIGINT)
    driver.communicate(timeout=30)
    assert driver.returncode == 130
    assert time.monotonic() - began < 2
    assert search.events[-1]["event"] != "driver_stopped"


@pytest.mark.faults
def test_the_command_stop_ends_a_search_in_order(tmp_path):
    search = Search(tmp_path, budget={"trials": 6, "max_epochs": 300, "grace_period": 300})
    assert "No process works on" in ended_run(tmp_path / "ended").told("stop")
    driver = search.start()
    wait_until(lambda: search.named("trial_measured"))
    assert json.loads(search.told("status", "--json"))["state"] == "running"
    said = search.told("stop")
    assert f"Stopped thawtune search, process {driver.pid}" in said
    assert f"thawtune resume {search.run.folder}" in said
    driver.communicate(timeout=10)
    assert driver.returncode == 143
    last = search.events[-1]
    assert (last["event"], last["reason"]) == ("driver_stopped", "SIGTERM")
    over = [t for t in search.history.trials.values() if t.is_over]
    interrupted = len(search.history.trials) - len(over)
    status = json.loads(search.told("status", "--json"))
    assert (status["state"], status["process"]) == ("stopped", None)
    assert interrupted
    assert status["trials"]["RUNNING"] == 0
    assert status["trials"]["INTERRUPTED"] == interrupted
    counts = f"trials: {interrupted} INTERRUPTED, {len(over)} COMPLETE, 0 PRUNED, 0 FAIL of 6"
    assert counts in search.told("status").splitlines()
    search.write(budget={"trials": 6, "max_epochs": 300, "grace_period": 300})
    assert search.finish().returncode == 0
    check_whole(search, 6)


def ended_run(folder):
    """A search that has ended."""
    folder.mkdir()
    search = Search(folder, budget={"trials": 1, "max_epochs": 1})
    assert search.finish().returncode == 0
    return search


@pytest.mark.faults
def test_two_drivers_cannot_share_a_run(tmp_path):
    """The first one stands still meanwhile: on a busy machine it would end before the second."""
    search = Search(tmp_path, budget={"trials": 6, "max_epochs": 60, "grace_period": 60})
    first = search.start()
    wait_until(lambda: search.named("trial_started"))
    first.send_signal(signal.SIGSTOP)
    second = search.finish()
    first.send_signal(signal.SIGCONT)
    assert second.returncode == 4
    assert f"Another process (thawtune search, process {first.pid} on" in second.stderr
    assert first.poll() is None
    first.communicate(timeout=240)
    assert first.returncode == 0
    check_whole(search, 6)
