"""Runs on a real S3 server on loopback: killed on one machine, resumed on another."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from pyarrow import fs

from search.records.history import History, Trial
from search.records.ledger import read_ledger
from search.remote.working_copy import run_at
from tests.cluster.clusters import free_ports
from tests.faults.driving import STUDY, kill, wait_until
from trainables.cache.leases import end_leases
from trainables.features.store import FeatureStore

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(280)]

RUN = "bucket/runs/digits"
AWAY = 20
"""Seconds for which the server is paused."""


@dataclass(frozen=True)
class Server:
    """An S3 server: the query part of its URLs for `pyarrow.fs`, and its process."""

    query: str
    pid: int

    def url(self, path: str) -> str:
        return f"s3://{path}?{self.query}"

    def files(self) -> fs.FileSystem:
        return fs.FileSystem.from_uri(self.url("bucket"))[0]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A running server with a bucket."""
    [port] = free_ports(1)
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    query = f"endpoint_override=127.0.0.1%3A{port}&scheme=http&allow_bucket_creation=true"
    with (
        pytest.MonkeyPatch.context() as patch,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
    ):
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            patch.setenv(f"AWS_{name}", "any")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        found = Server(query, process.pid)
        try:
            wait_until(lambda: _makes_the_bucket(found), 60)
            yield found
        finally:
            process.terminate()


def _makes_the_bucket(server: Server) -> bool:
    try:
        server.files().create_dir("bucket")
    except OSError:
        return False
    return True


class Machine:
    """Another machine, simulated by a separate cache."""

    def __init__(self, folder: Path, run: str) -> None:
        folder.mkdir()
        self._study = folder / "digits.yaml"
        budget = {"trials": 5, "max_epochs": 60, "grace_period": 60}
        resources = {"checkpoint_seconds": 0, "concurrent": 1}
        self._study.write_text(yaml.safe_dump(STUDY | {"budget": budget, "resources": resources}))
        self.cache = folder / "cache"
        self._environment = {**os.environ, "THAWTUNE_CACHE": str(self.cache)}
        self._run = run

    def start(self, command: str, *options: str) -> subprocess.Popen[str]:
        given = [str(self._study), "--run", self._run] if command == "search" else [self._run]
        return subprocess.Popen(
            [sys.executable, "-m", "search", command, *given, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )

    def run(self, command: str, *options: str) -> None:
        process = self.start(command, *options)
        _, said = process.communicate(timeout=200)
        assert process.returncode == 0, said


def _history(place: str | Path) -> History:
    with run_at(place) as run:
        return History.of(read_ledger(run.ledger)) if run.ledger.is_file() else History()


def _objects(server: Server) -> list[str]:
    infos = server.files().get_file_info(fs.FileSelector(RUN, recursive=True))
    return [info.path.removeprefix(f"{RUN}/") for info in infos]


def test_killed_on_one_machine_it_goes_on_on_another(server, tmp_path):
    url = server.url(RUN)
    first, second = (Machine(tmp_path / name, url) for name in ("first", "second"))
    driver = first.start("search")
    wait_until(lambda: any(t.is_over for t in _history(url).trials.values()))
    kill(driver)
    before = _history(url)
    assert [name for name in _objects(server) if name.startswith("checkpoints/")]
    held = second.start("search", "--resume")
    _, said = held.communicate(timeout=100)
    assert held.returncode == 4, "the first driver was heard of a moment ago"
    assert "Another process" in said
    server.files().delete_file(f"{RUN}/driver.json")  # waiting for a minute would work too
    second.run("search", "--resume")
    after = _history(url)
    assert sorted(after.trials) == list(range(5))
    assert {t.state for t in after.trials.values()} == {"COMPLETE"}
    for number, trial in before.trials.items():
        if trial.is_over:
            assert after.trials[number].times == trial.times, "it did not run again"
    for trial in after.trials.values():
        assert [m.epoch for m in trial.measurements] == list(range(1, 61))
    second.run("finetune")
    second.run("report")
    objects = set(_objects(server))
    assert {"study.yaml", "trials.parquet", "finetune.json", "report/index.html"} <= objects
    assert "model/model.keras" in objects
    assert not [name for name in objects if name.startswith("finetuning/")]


def test_it_equals_a_run_on_disk_though_the_server_is_away_for_20_seconds(server, tmp_path):
    url, disk = server.url("bucket/runs/stopped"), tmp_path / "run"
    driver = Machine(tmp_path / "there", url).start("search")
    wait_until(lambda: any(t.is_over for t in _history(url).trials.values()))
    os.kill(server.pid, signal.SIGSTOP)
    try:
        time.sleep(AWAY)
        assert driver.poll() is None, "it is still at work"
    finally:
        os.kill(server.pid, signal.SIGCONT)
    _, said = driver.communicate(timeout=200)
    assert driver.returncode == 0, said
    Machine(tmp_path / "here", str(disk)).run("search")
    there, here = _history(url), _history(disk)
    assert sorted(there.trials) == sorted(here.trials) == list(range(5))
    for number, trial in there.trials.items():
        assert trial.state == here.trials[number].state == "COMPLETE"
        assert trial.point == here.trials[number].point
        assert not trial.failures
        assert _values(trial) == _values(here.trials[number])


def test_features_that_one_machine_computed_another_one_copies(server, tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_FEATURES", server.url("bucket/features"))
    computed, found = [], []

    def rows(first: int, last: int) -> Iterator[np.ndarray]:
        computed.append(first)
        yield np.full((last - first, 1280), first, np.float32)

    for name in ("first", "second"):
        monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / name))
        found.append(FeatureStore().get("key", (500, 1280), rows, {"boundary": "pooling"}))
    assert computed == [0, 128, 256, 384]
    np.testing.assert_array_equal(*found)
    end_leases()


def _values(trial: Trial) -> list[tuple[int, float, float]]:
    return [(m.epoch, m.train_loss, m.val_accuracy) for m in trial.measurements]
