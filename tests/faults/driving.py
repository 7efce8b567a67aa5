"""Real searches in separate processes, for tests that break them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from search.records.history import History
from search.records.ledger import read_ledger
from search.records.run import Run

STUDY: dict[str, Any] = {
    "dataset": {"format": "digits", "subset": 400},
    "base": {
        "backbone": "none",
        "weights": "none",
        "image_size": 32,
        "preprocessing": "unit",
        "convolutions": [8],
        "convolution_pooling": True,
        "batch_size": 16,
    },
    "space": {
        "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
        "dropout": {"low": 0.0, "high": 0.5},
    },
    "recipes": {"plain": {"learning_rate": 3e-3, "dropout": 0.25}},
    "budget": {"trials": 8, "max_epochs": 9, "grace_period": 1, "reduction_factor": 3},
    "finalists": {"count": 0},
}
"""A network of two layers; an epoch takes about a hundredth of a second."""


class Search:
    """A study and its run's folder, with methods that run commands in new processes.

    Args:
        folder: Folder for the study file.
        run: Folder of the run.
        environment: Additional environment variables.
        prefix: Command that runs the one that follows it, somewhere else.
        program: The command line of thawtune.
        sections: Sections that replace those of the default study.
    """

    def __init__(
        self,
        folder: Path,
        run: Path | None = None,
        environment: dict[str, str] | None = None,
        prefix: Sequence[str] = (),
        program: Sequence[str] = (sys.executable, "-m", "search"),
        **sections: Any,
    ) -> None:
        self.run = Run(run or folder / "run")
        self.study = folder / "faults.yaml"
        self.environment = {**os.environ, **(environment or {})}
        self.prefix, self.program = prefix, program
        self.write(**sections)

    def write(self, **sections: Any) -> None:
        """Write the study file."""
        self.study.write_text(yaml.safe_dump(STUDY | sections))

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start or resume the search in a process that can be killed."""
        resume = ["--resume"] if self.run.folder.exists() else []
        command = [*self.prefix, *self.program, "search", str(self.study)]
        command += ["--run", str(self.run.folder), *resume, *options]
        return subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self.environment,
        )

    def finish(self, *options: str, seconds: float = 240) -> subprocess.CompletedProcess[str]:
        """Start or resume the search, and wait until it ends."""
        process = self.start(*options)
        out, err = process.communicate(timeout=seconds)
        return subprocess.CompletedProcess(process.args, process.returncode, out, err)

    def told(self, command: str, *options: str) -> str:
        """What a command on this run prints, which has to end well."""
        words = [*self.prefix, *self.program, command, str(self.run.folder), *options]
        return subprocess.run(
            words, check=True, stdout=subprocess.PIPE, text=True, env=self.environment
        ).stdout

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events in the ledger so far."""
        return read_ledger(self.run.ledger) if self.run.ledger.exists() else []

    @property
    def history(self) -> History:
        """The run's history so far."""
        return History.of(self.events)

    def named(self, name: str, **fields: Any) -> list[dict[str, Any]]:
        """Events with this name and these fields."""
        return [e for e in self.events if {"event": name, **fields}.items() <= e.items()]


def kill(process: subprocess.Popen[str]) -> None:
    """Send SIGKILL to the driver only."""
    process.send_signal(signal.SIGKILL)
    process.communicate()


def wait_until(holds: Callable[[], object], seconds: float = 120) -> None:
    """Wait until something is true.

    Raises:
        AssertionError: If it takes longer than `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def workers_until_the_end(search: Search) -> tuple[set[int], int, str]:
    """Run a search to its end: process ids of all its workers, exit code and standard error."""
    workers: set[int] = set()
    process = search.start()
    while process.poll() is None:
        workers |= set(workers_of(search.run))
        time.sleep(0.05)
    _, said = process.communicate()
    return workers, process.returncode, said


def workers_of(run: Run) -> list[int]:
    """Process ids of the trial workers that write into a run."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                title = (entry / "cmdline").read_bytes()
                marked = str(run.folder).encode() in (entry / "environ").read_bytes()
            except OSError:
                continue
            if title.startswith(b"ray::") and b"Trainable" in title and marked:
                found.append(int(entry.name))
    return found
