"""Runs on a real S3 server: two drivers, a network that fails, and commands that are refused."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import pytest
import yaml

from tests.cluster.s3 import Machine, Proxy, Server, history, ledger, s3_server, values
from tests.faults.driving import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(560)]

STOPPED = 180
"""Seconds for which a driver is stopped: more than it takes to count as gone."""
HINDERED = 60
"""Seconds for which the network misbehaves in each way: less than a driver waits."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with s3_server() as found:
        yield found


def check_whole(url: str, trials: int) -> None:
    """Check that each trial has completed, and has each epoch once."""
    found = history(url)
    assert sorted(found.trials) == list(range(trials))
    assert {trial.state for trial in found.trials.values()} == {"COMPLETE"}
    for trial in found.trials.values():
        assert [m.epoch for m in trial.measurements] == list(range(1, trial.epochs + 1))


def test_a_driver_that_is_stopped_for_three_minutes_loses_the_run_and_nothing_else(
    server, tmp_path
):
    url = server.url("bucket/runs/stopped")
    first, second = (Machine(tmp_path / name, url) for name in ("first", "second"))
    stopped = first.start("search")
    wait_until(lambda: any(t.is_over for t in history(url).trials.values()))
    os.kill(stopped.pid, signal.SIGSTOP)
    began, before = time.monotonic(), ledger(url)
    try:
        second.run("search", "--resume")
        time.sleep(max(0.0, STOPPED - (time.monotonic() - began)))
        whole = server.objects("runs/stopped")
    finally:
        os.kill(stopped.pid, signal.SIGCONT)
    _, said = stopped.communicate(timeout=100)
    assert stopped.returncode == 4, said
    assert "has taken over the run" in said
    assert "Traceback" not in said
    assert ledger(url).startswith(before)
    check_whole(url, 5)
    late = server.objects("runs/stopped")
    ours = {n: d for n, d in late.items() if not n.startswith("checkpoints/")}
    assert ours == {n: d for n, d in whole.items() if not n.startswith("checkpoints/")}


def test_a_storage_that_answers_503_is_slow_and_cuts_connections_loses_nothing(server, tmp_path):
    proxy = Proxy(server)
    budget = {"trials": 5, "max_epochs": 400, "grace_period": 400}
    url = server.url("bucket/runs/hindered")
    there = server.url("bucket/runs/hindered", proxy.port)
    driver = Machine(tmp_path / "there", there, budget=budget).start("search")
    wait_until(lambda: any(t.measurements for t in history(url).trials.values()))
    for mode in ("503", "slow", "cut"):
        before = proxy.hindered
        proxy.mode = mode
        time.sleep(HINDERED)
        proxy.mode = "pass"
        assert driver.poll() is None, driver.communicate()
        assert proxy.hindered > before + 10
        time.sleep(5)
    _, said = driver.communicate(timeout=250)
    proxy.close()
    assert driver.returncode == 0, said
    check_whole(url, 5)
    disk = tmp_path / "run"
    Machine(tmp_path / "here", str(disk), budget=budget).run("search")
    here = history(disk)
    for number, trial in history(url).trials.items():
        assert not trial.failures
        assert values(trial) == values(here.trials[number])


def test_refused_commands_change_no_object(server, tmp_path):
    path = "runs/refused"
    url = server.url(f"bucket/{path}")
    small = {"trials": 2, "max_epochs": 2, "grace_period": 1}
    machine = Machine(tmp_path / "one", url, budget=small)
    machine.run("resume", code=2)
    assert server.objects(path) == {}
    machine.run("search")
    before = server.objects(path)
    assert "exists already" in machine.run("search", code=2)
    given = machine.study.read_text()
    changed = yaml.safe_load(given)
    changed["base"]["batch_size"] = 32
    machine.study.write_text(yaml.safe_dump(changed))
    assert "The study has changed" in machine.run("search", "--resume", code=4)
    machine.study.write_text("name: 3\n")
    machine.run("search", "--resume", code=2)
    machine.study.write_text(given)
    machine.run("evaluate", code=4)
    machine.run("export", code=4)
    machine.run("finetune", "--workers", "99", code=2)
    assert server.objects(path) == before
