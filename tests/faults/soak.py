"""Searches that are killed over and over: driver, workers and raylet, at random moments."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from search.records.history import History
from search.records.ledger import read_ledger
from search.remote.working_copy import run_at
from tests.faults.driving import STUDY

_BUDGET = {"max_epochs": 81, "grace_period": 3, "reduction_factor": 3}

STUDIES: dict[str, dict[str, Any]] = {
    "stopping": {"budget": _BUDGET | {"trials": 30}},
    "promoting": {"budget": _BUDGET | {"trials": 24, "promote": True}},
    "finalists": {"budget": _BUDGET | {"trials": 12}, "finalists": {"count": 2, "seeds": 3}},
    "promoting_finalists": {
        "budget": _BUDGET | {"trials": 15, "promote": True},
        "finalists": {"count": 2, "seeds": 2},
    },
}
"""What the studies have beside `driving.STUDY`, by name."""

VICTIMS = ("driver", "worker", "raylet")
MARK = "THAWTUNE_TEST_RUN"
"""Environment variable by which the processes of a search are found: Ray's and the workers have
it from the driver."""


@dataclass
class Soaked:
    """A run that is killed and resumed until it has finished.

    Attributes:
        place: Its folder or URL.
        kills: How many processes of each kind were killed.
        finished: State and number of epochs of each trial that had ended when last looked at.
    """

    study: Path
    place: str
    environment: dict[str, str]
    chance: random.Random
    kills: Counter[str] = field(default_factory=Counter)
    finished: dict[int, tuple[str, int, tuple[float, ...]]] = field(default_factory=dict)

    def events(self) -> list[dict[str, Any]]:
        """The events in the ledger, at whatever place."""
        with run_at(self.place) as run:
            return read_ledger(run.ledger) if run.ledger.is_file() else []

    def start(self) -> subprocess.Popen[str]:
        """Begin the run, or resume it with nothing but its place."""
        has_begun = bool(self.events())
        begin = ["search", str(self.study), "--run", self.place, "--resume"]
        words = ["resume", self.place] if has_begun else begin
        return subprocess.Popen(
            [sys.executable, "-m", "search", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self.environment,
        )

    def kill_once(self) -> str:
        """Start or resume it, kill one of its processes, and see what became of the run.

        Returns:
            What was killed; "" if it had ended before.
        """
        driver = self.start()
        time.sleep(self.chance.uniform(0, 4))
        before = len(self.events())
        deadline = time.monotonic() + 60
        while driver.poll() is None and time.monotonic() < deadline:
            if len(self.events()) > before + self.chance.randint(1, 40):
                break
            time.sleep(0.2)
        time.sleep(self.chance.uniform(0, 1.0))
        victim = self.chance.choice(VICTIMS)
        killed = "" if driver.poll() is not None else self._kill(driver, victim)
        if killed in ("worker", "raylet"):  # the driver goes on, or ends with a sentence
            with suppress(subprocess.TimeoutExpired):
                driver.wait(self.chance.uniform(3, 15))
            if driver.poll() is None:
                driver.send_signal(signal.SIGKILL)
                self.kills["driver"] += 1
        said, _ = driver.communicate()
        assert "Traceback" not in said, said
        end_processes(self.place)
        self.check()
        return killed

    def _kill(self, driver: subprocess.Popen[str], victim: str) -> str:
        found = {"driver": [driver.pid], "worker": [], "raylet": []}
        for pid, title in processes_of(self.place):
            if title.startswith("ray::") and "Trainable" in title:
                found["worker"].append(pid)
            elif "raylet/raylet" in title.split(" ")[0]:
                found["raylet"].append(pid)
        chosen = victim if found[victim] else "driver"
        with suppress(ProcessLookupError):
            os.kill(self.chance.choice(found[chosen]), signal.SIGKILL)
        self.kills[chosen] += 1
        return chosen

    def check(self) -> None:
        """Finished trials only grow, none runs again, each epoch is there once."""
        events = self.events()
        history = History.of(events)
        over: set[int] = set()
        for event in events:
            assert event.get("trial") not in over, event
            if event["event"] == "trial_ended":
                over.add(event["trial"])
        proposed = Counter(e["trial"] for e in events if e["event"] == "trial_proposed")
        assert set(proposed.values()) <= {1}
        for trial in history.trials.values():
            epochs = [m.epoch for m in trial.measurements]
            assert epochs == list(range(1, len(epochs) + 1)), trial.number
        now = {
            t.number: (t.state, t.epochs, tuple(t.times))
            for t in history.trials.values()
            if t.is_over
        }
        assert self.finished.items() <= now.items(), "a finished trial was lost or ran again"
        self.finished = now

    def finish(self) -> History:
        """Resume it a last time, and let it end."""
        driver = self.start()
        said, _ = driver.communicate(timeout=400)
        assert driver.returncode == 0, said
        self.check()
        history = History.of(self.events())
        assert history.in_state("RUNNING") == []
        assert history.stopped is not None
        assert history.stopped["reason"] == "done"
        return history


def soaked(folder: Path, name: str, place: str, seed: int) -> Soaked:
    """A run of one of the studies, with a cache of its own."""
    study = folder / f"{name}.yaml"
    study.write_text(yaml.safe_dump(STUDY | STUDIES[name]))
    environment = {**os.environ, MARK: place, "THAWTUNE_CACHE": str(folder / "cache")}
    return Soaked(study, place, environment, random.Random(seed))


def processes_of(place: str) -> Iterator[tuple[int, str]]:
    """Process ids and titles of a search: its driver, Ray's processes and the workers."""
    mark = f"{MARK}={place}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    title = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                    yield int(entry.name), title


def end_processes(place: str) -> None:
    """Wait until nothing of a killed search is left, and end what does not end by itself."""
    deadline = time.monotonic() + 15
    while found := [pid for pid, _ in processes_of(place) if pid != os.getpid()]:
        if time.monotonic() > deadline:
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.2)


@contextmanager
def nothing_left(place: str) -> Iterator[None]:
    """End the processes of a search when the test ends, however it ends."""
    try:
        yield
    finally:
        for pid, _ in processes_of(place):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
