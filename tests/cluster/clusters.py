"""A Ray cluster of one host on this machine, with token, dashboard and metrics."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.driving import wait_until

ROOT = Path(__file__).resolve().parents[2]
RAY = str(Path(sys.executable).with_name("ray"))


@dataclass
class Cluster:
    """A running Ray cluster.

    Attributes:
        address: Address for drivers.
        dashboard: Address of the dashboard and the jobs API.
        metrics: Address of the metrics page for Prometheus.
        environment: Environment variables, including the token, of a process that connects.
    """

    address: str
    dashboard: str
    metrics: str
    environment: dict[str, str]

    def search(self, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        """Start a search whose driver is not a job."""
        command = [sys.executable, "-m", "search", "search", *map(str, arguments)]
        return subprocess.Popen(
            [*command, "--address", self.address],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            **({"cwd": ROOT} | options),
        )

    def submit(self, name: str, *arguments: object) -> None:
        """Run `ray job submit` with this project as the working directory, without waiting."""
        excludes = json.dumps({"excludes": [".venv", ".git", "runs", "docs"]})
        self.job("submit", "--no-wait", "--submission-id", name, "--working-dir", str(ROOT),
                 "--runtime-env-json", excludes, "--",
                 sys.executable, "-m", "search", "search", *map(str, arguments))  # fmt: skip

    def job(self, *arguments: str) -> str:
        """Run `ray job …` and return its output."""
        verb, *rest = arguments
        command = [RAY, "job", verb, "--address", self.dashboard, *rest]
        deadline = time.monotonic() + 120
        while True:
            done = subprocess.run(
                command, env=self.environment, capture_output=True, text=True, timeout=120
            )
            # The agent that starts jobs may come up long after the dashboard on a busy machine.
            if "No available agent" not in done.stderr or time.monotonic() > deadline:
                assert done.returncode == 0, done.stdout + done.stderr
                return done.stdout
            time.sleep(2)

    def told(self, path: str) -> Any:
        """The answer of the dashboard's API."""
        token = {"Authorization": f"Bearer {self.environment['RAY_AUTH_TOKEN']}"}
        asked = urllib.request.Request(f"{self.dashboard}{path}", headers=token)
        with urllib.request.urlopen(asked, timeout=30) as answer:
            return json.load(answer)

    def ended(self, name: str) -> str | None:
        """The final state of a job, or None if it has not ended."""
        state = self.told(f"/api/jobs/{name}")["status"]
        return state if state in ("SUCCEEDED", "FAILED", "STOPPED") else None

    def scrape(self) -> str:
        """The current metrics."""
        with urllib.request.urlopen(self.metrics, timeout=30) as answer:
            return answer.read().decode()


@contextmanager
def cluster(cpus: int, gpus: int) -> Iterator[Cluster]:
    """A host with this many logical CPUs and GPUs, which need not exist."""
    folder = tempfile.mkdtemp(prefix="tt")  # short, because socket paths are limited
    gcs, dashboard, metrics, client = free_ports(4)
    environment = environment_with(secrets.token_hex(32)) | {
        "RAY_JOB_STOP_WAIT_TIME_S": "60",
        "RAY_metrics_report_interval_ms": "500",
        "THAWTUNE_CACHE": f"{folder}/cache",
    }
    start = f"""start --head --block --disable-usage-stats --node-ip-address=127.0.0.1
        --port={gcs} --dashboard-host=127.0.0.1 --dashboard-port={dashboard}
        --metrics-export-port={metrics} --ray-client-server-port={client}
        --num-cpus={cpus} --num-gpus={gpus} --temp-dir={folder}/ray"""
    with open(f"{folder}/start.log", "w+") as log:
        process = subprocess.Popen(
            [RAY, *start.split()], env=environment, stdout=log, stderr=log, start_new_session=True
        )
        found = Cluster(
            f"127.0.0.1:{gcs}",
            f"http://127.0.0.1:{dashboard}",
            f"http://127.0.0.1:{metrics}/metrics",
            environment,
        )
        try:
            wait_until(lambda: _answers(found), 60)
            yield found
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
            shutil.rmtree(folder, ignore_errors=True)


def environment_with(token: str) -> dict[str, str]:
    """Environment variables of a process that knows the token."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("RAY_", "THAWTUNE_"))}
    return kept | {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": token,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_health_check_failure_threshold": "20",  # as in cluster.yaml
    }


def free_ports(count: int) -> list[int]:
    """Ports that are free at the moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def _answers(found: Cluster) -> bool:
    with suppress(OSError):
        answers = [found.told("/api/version"), found.told("/api/jobs/"), found.scrape()]
        return all(answer is not None for answer in answers)
    return False
