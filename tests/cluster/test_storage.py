"""Runs on a real S3 server on loopback: killed on one machine, resumed on another."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

import numpy as np
import pytest

from tests.cluster.s3 import Machine, Server, history, s3_server, values
from tests.faults.driving import kill, wait_until
from trainables.cache.leases import end_leases
from trainables.cache.rows.entry_store import EntryStore, Layout

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(280)]

RUN = "runs/digits"
AWAY = 20
"""Seconds for which the server is paused."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with s3_server() as found:
        yield found


def test_killed_on_one_machine_it_goes_on_on_another(server, tmp_path):
    url = server.url(f"bucket/{RUN}")
    first, second = (Machine(tmp_path / name, url, 10) for name in ("first", "second"))
    driver = first.start("search")
    wait_until(lambda: any(t.is_over for t in history(url).trials.values()))
    assert "drives the run" in second.run("search", "--resume", code=4)
    kill(driver)
    before = history(url)
    assert [name for name in server.objects(RUN) if name.startswith("checkpoints/")]
    second.run("search", "--resume")
    after = history(url)
    assert sorted(after.trials) == list(range(5))
    assert {t.state for t in after.trials.values()} == {"COMPLETE"}
    for number, trial in before.trials.items():
        if trial.is_over:
            assert after.trials[number].times == trial.times, "it did not run again"
    for trial in after.trials.values():
        assert [m.epoch for m in trial.measurements] == list(range(1, 61))
    second.run("finetune")
    second.run("report")
    objects = set(server.objects(RUN))
    assert {"study.yaml", "trials.parquet", "finetune.json", "report/index.html"} <= objects
    assert "model/model.keras" in objects
    assert not [name for name in objects if name.startswith("finetuning/")]


def test_it_equals_a_run_on_disk_though_the_server_is_away_for_20_seconds(server, tmp_path):
    url, disk = server.url("bucket/runs/stopped"), tmp_path / "run"
    driver = Machine(tmp_path / "there", url).start("search")
    wait_until(lambda: any(t.is_over for t in history(url).trials.values()))
    os.kill(server.pid, signal.SIGSTOP)
    try:
        time.sleep(AWAY)
        assert driver.poll() is None, "it is still at work"
    finally:
        os.kill(server.pid, signal.SIGCONT)
    _, said = driver.communicate(timeout=200)
    assert driver.returncode == 0, said
    Machine(tmp_path / "here", str(disk)).run("search")
    there, here = history(url), history(disk)
    assert sorted(there.trials) == sorted(here.trials) == list(range(5))
    for number, trial in there.trials.items():
        assert trial.state == here.trials[number].state == "COMPLETE"
        assert trial.point == here.trials[number].point
        assert not trial.failures
        assert values(trial) == values(here.trials[number])


def test_features_that_one_machine_computed_another_one_copies(server, tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_FEATURES", server.url("bucket/features"))
    computed, found = [], []

    def rows(first: int, last: int) -> Iterator[np.ndarray]:
        computed.append(first)
        yield np.full((last - first, 1280), first, np.float32)

    for name in ("first", "second"):
        monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / name))
        found.append(EntryStore().get("key", Layout((500, 1280)), rows, {"boundary": "pooling"}))
    assert computed == [0, 128, 256, 384]
    np.testing.assert_array_equal(*found)
    end_leases()
