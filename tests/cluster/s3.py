"""A real S3 server on loopback, machines that search there, and a proxy that gets in between."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
import yaml
from pyarrow import fs

from search.records.history import History
from search.records.ledger import read_ledger
from search.records.trial import Trial
from search.remote.working_copy import run_at
from tests.cluster.clusters import free_ports
from tests.faults.driving import STUDY, wait_until


@dataclass(frozen=True)
class Server:
    """An S3 server with a bucket named "bucket": its port, and its process."""

    port: int
    pid: int

    def url(self, path: str, port: int | None = None) -> str:
        """The URL of a path, by default without the proxy."""
        query = f"endpoint_override=127.0.0.1%3A{port or self.port}&scheme=http"
        return f"s3://{path}?{query}"

    def files(self) -> fs.FileSystem:
        """The file system of all buckets."""
        return fs.FileSystem.from_uri(self.url("bucket"))[0]

    def objects(self, path: str) -> dict[str, str]:
        """Digest of each object below a path in the bucket."""
        client = boto3.client("s3", endpoint_url=f"http://127.0.0.1:{self.port}")
        pages = client.get_paginator("list_objects_v2").paginate(Bucket="bucket", Prefix=f"{path}/")
        keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
        contents = {key: client.get_object(Bucket="bucket", Key=key)["Body"].read() for key in keys}
        return {
            key.removeprefix(f"{path}/"): hashlib.sha256(content).hexdigest()
            for key, content in contents.items()
        }


@contextmanager
def s3_server() -> Iterator[Server]:
    """A running server with a bucket."""
    [port] = free_ports(1)
    command = [sys.executable, "-m", "moto.server", "-p", str(port)]
    with (
        pytest.MonkeyPatch.context() as patch,
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process,
    ):
        for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"):
            patch.setenv(f"AWS_{name}", "any")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        found = Server(port, process.pid)
        try:
            wait_until(lambda: _makes_the_bucket(found), 60)
            yield found
        finally:
            process.terminate()


def _makes_the_bucket(server: Server) -> bool:
    url = f"{server.url('bucket')}&allow_bucket_creation=true"
    try:
        fs.FileSystem.from_uri(url)[0].create_dir("bucket")
    except OSError:
        return False
    return True


class Machine:
    """Another machine, simulated by a separate cache.

    Args:
        folder: Folder of the machine; created.
        run: Folder or URL of the run.
        takeover: Seconds without a sign of life after which it takes a run over.
        sections: Sections that replace those of the study.
    """

    def __init__(
        self, folder: Path, run: str, takeover: float | None = None, **sections: Any
    ) -> None:
        folder.mkdir()
        self.study = folder / "digits.yaml"
        budget = {"trials": 5, "max_epochs": 60, "grace_period": 60}
        resources = {"checkpoint_seconds": 0, "concurrent": 1}
        given = STUDY | {"budget": budget, "resources": resources} | sections
        self.study.write_text(yaml.safe_dump(given))
        self.cache = folder / "cache"
        self._environment = {**os.environ, "THAWTUNE_CACHE": str(self.cache)}
        if takeover is not None:
            self._environment["THAWTUNE_TAKEOVER_SECONDS"] = str(takeover)
        self._run = run

    def start(self, command: str, *options: str) -> subprocess.Popen[str]:
        """Start a command on the run."""
        given = [str(self.study), "--run", self._run] if command == "search" else [self._run]
        return subprocess.Popen(
            [sys.executable, "-m", "search", command, *given, *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._environment,
        )

    def run(self, command: str, *options: str, code: int = 0) -> str:
        """Run a command on the run; what it says on standard error."""
        process = self.start(command, *options)
        out, said = process.communicate(timeout=250)
        assert process.returncode == code, f"{process.returncode}: {said}{out}"
        assert "Traceback" not in said
        return said


def history(place: str | Path) -> History:
    """The history of a run so far."""
    with run_at(place) as run:
        return History.of(read_ledger(run.ledger)) if run.ledger.is_file() else History()


def ledger(url: str) -> bytes:
    """The ledger of a run at a URL."""
    with run_at(url) as run:
        return run.ledger.read_bytes()


def values(trial: Trial) -> list[tuple[int, float, float]]:
    """What a trial measured."""
    return [(m.epoch, m.train_loss, m.val_accuracy) for m in trial.measurements]


class Proxy:
    """A proxy in front of a server, which can be told to misbehave.

    Attributes:
        port: Where it listens.
        mode: "pass", "503" (answers that to every request), "slow" (half a second and 40 kB/s in
            each direction) or "cut" (ends each connection in the middle).
        hindered: How many requests it has hindered.
    """

    def __init__(self, server: Server) -> None:
        self.mode, self.hindered = "pass", 0
        self._target = server.port
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def close(self) -> None:
        """Accept no more connections."""
        self._socket.close()

    def _listen(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            server = socket.create_connection(("127.0.0.1", self._target))
            with server:
                back = threading.Thread(target=self._pump, args=(server, client), daemon=True)
                back.start()
                self._pump(client, server, client)
                back.join()

    def _pump(
        self, source: socket.socket, sink: socket.socket, asked: socket.socket | None = None
    ) -> None:
        with suppress(OSError):
            while data := source.recv(20_000):
                if self.mode != "pass":
                    self.hindered += 1
                if self.mode == "503" and asked is not None:
                    asked.sendall(
                        b"HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
                    )
                    break
                if self.mode == "cut":
                    # What was asked may be done, or half done; the answer never comes.
                    sink.sendall(data[: len(data) // 2] if self.hindered % 2 else data)
                    break
                if self.mode == "slow":
                    time.sleep(0.5)
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
