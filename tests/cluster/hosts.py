"""Hosts of a cluster as network namespaces of this machine; needs root.

Each host has an address, a network cable that can be pulled, a temporary folder and, through a
mount namespace, its own disk for the feature store. All other folders are shared.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.cluster.clusters import RAY, ROOT, environment_with
from tests.faults.driving import wait_until

PORT = 6399


@dataclass
class Host:
    """A host.

    Attributes:
        name: Name of its namespace.
        address: Address in the network.
        cable: The network interface outside the namespace.
        folder: Folder that the host does not share with others.
        cache: Path of the feature store; the same on all hosts, but each has its own disk there.
        environment: Environment variables of its processes.
    """

    name: str
    address: str
    cable: str
    folder: Path
    cache: Path
    environment: dict[str, str]
    running: list[subprocess.Popen[str]] = field(default_factory=list)

    def start(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a process on this host."""
        mounted = f'mount --bind "{self.folder}/cache" "{self.cache}" && exec "$@"'
        process = subprocess.Popen(
            [*f"ip netns exec {self.name} unshare --mount sh -c".split(), mounted, "sh", *command],
            cwd=ROOT,
            text=True,
            start_new_session=True,
            **(
                {"env": self.environment, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
                | options
            ),
        )
        self.running.append(process)
        return process

    def ray(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Run `ray start` on this host; the process lasts as long as Ray."""
        return self.start(
            RAY, "start", "--block", "--disable-usage-stats",
            f"--node-ip-address={self.address}", f"--temp-dir={self.folder}/ray", *arguments,
            **options,
        )  # fmt: skip

    def thawtune(self, *arguments: object) -> subprocess.Popen[str]:
        """Run a thawtune command on this host, which is the head of the cluster."""
        command = [sys.executable, "-m", "search", *map(str, arguments)]
        return self.start(*command, "--address", f"{self.address}:{PORT}")

    @property
    def processes(self) -> list[int]:
        """Process ids of everything that runs on this host."""
        told = _ip("netns", "pids", self.name)
        return [int(pid) for pid in told.split()]

    def kill(self) -> None:
        """Kill all processes, as a power failure would."""
        for pid in self.processes:
            os.kill(pid, signal.SIGKILL)

    def cut(self) -> None:
        """Pull the network cable."""
        _ip("link", "set", self.cable, "down")

    def mend(self) -> None:
        """Plug the cable back in."""
        _ip("link", "set", self.cable, "up")


@contextmanager
def hosts(count: int) -> Iterator[list[Host]]:
    """This many hosts on one network."""
    folder = Path(tempfile.mkdtemp(prefix="tt"))  # short, because socket paths are limited
    mark = f"tt{os.getpid() % 100_000}"
    token = secrets.token_hex(32)
    made: list[Host] = []
    (folder / "cache").mkdir()
    try:
        _ip("link", "add", mark, "type", "bridge")
        _ip("link", "set", mark, "up")
        made.extend(_host(folder, mark, number, token) for number in range(count))
        yield made
    finally:
        for host in made:
            host.kill()
        for host in made:
            for process in host.running:
                process.wait(30)
            _ip("netns", "del", host.name)
        _ip("link", "del", mark)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def cluster_of(count: int) -> Iterator[list[Host]]:
    """A Ray cluster of this many hosts: a head that runs no trials, and workers of one CPU."""
    with hosts(count) as made:
        head, *workers = made
        _start_head(head)
        for worker in workers:
            join(head, worker, stdout=subprocess.DEVNULL)
        wait_until(lambda: _machines(head) == count, 90)
        yield made


def _start_head(head: Host) -> None:
    head.ray("--head", f"--port={PORT}", "--num-cpus=0", "--include-dashboard=false",
             stdout=subprocess.DEVNULL)  # fmt: skip
    wait_until(lambda: _is_open(head), 60)


def _machines(head: Host) -> int:
    """The number of hosts in the cluster, as a process on the head sees it."""
    asked = (
        "import ray, sys; ray.init(sys.argv[1], logging_level=50); print('at', len(ray.nodes()))"
    )
    process = head.start(sys.executable, "-c", asked, f"{head.address}:{PORT}")
    said, _ = process.communicate(timeout=60)
    found = [line for line in said.splitlines() if line.startswith("at ")]
    return int(found[-1].split()[1]) if found else 0


def join(head: Host, host: Host, cpus: int = 1, **options: Any) -> subprocess.Popen[str]:
    """Ray on a further host."""
    return host.ray(f"--address={head.address}:{PORT}", f"--num-cpus={cpus}", **options)


def _host(folder: Path, mark: str, number: int, token: str) -> Host:
    name, cable, own = f"{mark}h{number}", f"{mark}c{number}", folder / f"h{number}"
    address = f"10.213.{os.getpid() % 250}.{number + 10}"
    (own / "cache").mkdir(parents=True)
    _ip("netns", "add", name)
    _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", name)
    _ip("link", "set", cable, "master", mark, "up")
    _ip("-n", name, "address", "add", f"{address}/24", "dev", "eth0")
    _ip("-n", name, "link", "set", "lo", "up")
    _ip("-n", name, "link", "set", "eth0", "up")
    environment = environment_with(token) | {"THAWTUNE_CACHE": str(folder / "cache")}
    return Host(name, address, cable, own, folder / "cache", environment)


def _is_open(head: Host) -> bool:
    asked = f"import socket; socket.create_connection(('{head.address}', {PORT}), 1)"
    probe = ["ip", "netns", "exec", head.name, sys.executable, "-c", asked]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


def _ip(*arguments: str) -> str:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stderr}"
    return done.stdout
