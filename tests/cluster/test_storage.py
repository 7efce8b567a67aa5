"""A run on a real S3 server on loopback: killed on one machine, gone on with on another."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from pyarrow import fs

from search.mirror import run_at
from search.records.history import History
from search.records.ledger import read_ledger
from tests.cluster.clusters import free_ports
from tests.faults.driving import STUDY, kill, wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(280)]

RUN = "bucket/runs/digits"


@dataclass(frozen=True)
class Server:
    """Where it is, as `pyarrow.fs` takes it in a URL."""

    query: str

    def url(self, path: str) -> str:
        return f"s3://{path}?{self.query}"

    def files(self) -> fs.FileSystem:
        return fs.FileSystem.from_uri(self.url("bucket"))[0]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server with a bucket."""
    [port] = free_ports(1)
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    found = Server(f"endpoint_override=127.0.0.1%3A{port}&scheme=http&allow_bucket_creation=true")
    with (
        pytest.MonkeyPatch.context() as patch,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
    ):
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            patch.setenv(f"AWS_{name}", "any")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
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
    """A machine with a cache of its own, which is all that makes it another one here."""

    def __init__(self, folder: Path, server: Server) -> None:
        folder.mkdir()
        self._study = folder / "digits.yaml"
        budget = {"trials": 5, "max_epochs": 60, "grace_period": 60}
        resources = {"checkpoint_seconds": 0}
        self._study.write_text(yaml.safe_dump(STUDY | {"budget": budget, "resources": resources}))
        self.cache = folder / "cache"
        self._environment = {**os.environ, "THAWTUNE_CACHE": str(self.cache)}
        self._url = server.url(RUN)

    def start(self, command: str, *options: str) -> subprocess.Popen[str]:
        given = [str(self._study), "--run", self._url] if command == "search" else [self._url]
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


def _history(cache: Path, server: Server) -> History:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THAWTUNE_CACHE", str(cache))
        with run_at(server.url(RUN)) as run:
            return History.of(read_ledger(run.ledger)) if run.ledger.is_file() else History()


def _objects(server: Server) -> list[str]:
    infos = server.files().get_file_info(fs.FileSelector(RUN, recursive=True))
    return [info.path.removeprefix(f"{RUN}/") for info in infos]


def test_killed_on_one_machine_it_goes_on_on_another(server, tmp_path):
    first, second = (Machine(tmp_path / name, server) for name in ("first", "second"))
    driver = first.start("search")
    looking = tmp_path / "looking"
    wait_until(lambda: any(t.is_over for t in _history(looking, server).trials.values()))
    kill(driver)
    before = _history(looking, server)
    assert [name for name in _objects(server) if name.startswith("checkpoints/")]
    held = second.start("search", "--resume")
    _, said = held.communicate(timeout=100)
    assert held.returncode == 4, "the first driver was heard of a moment ago"
    assert "Another process" in said
    server.files().delete_file(f"{RUN}/driver.json")  # a minute would do it too
    second.run("search", "--resume")
    after = _history(looking, server)
    assert sorted(after.trials) == list(range(5))
    assert {t.state for t in after.trials.values()} == {"COMPLETE"}
    for number, trial in before.trials.items():
        if trial.is_over:
            assert after.trials[number].times == trial.times, "it did not run again"
    for trial in after.trials.values():
        assert [m.epoch for m in trial.measurements] == list(range(1, 61))
    second.run("report")
    assert {"study.yaml", "trials.parquet", "report/index.html"} <= set(_objects(server))
