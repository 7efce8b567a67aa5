"""A search that is watched: who is told of its events, and where a person can look."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ray
from ray._private.worker import get_dashboard_url

from search.live.live_run import OpenRun
from search.records.events import Event
from search.records.ledger import read_ledger
from search.records.run import Run
from search.watching.mlflow_wandb import TRACKERS, Tracker
from search.watching.prometheus import Metrics
from search.watching.ray_dashboard import Board
from search.watching.tensorboard import TensorBoard
from search.watching.watcher import Watcher
from spaces.errors import InputError


def dashboard_address() -> str | None:
    """Host and port of Ray's dashboard; None if there is none. Needs Ray."""
    found: str | None = get_dashboard_url()
    return found or None


def addresses(run: Run) -> list[str]:
    """One line for each place. Needs Ray."""
    lines = [
        f"TensorBoard: tensorboard --logdir {run.folder / 'tensorboard'}, "
        "then http://127.0.0.1:6006",
        f"Optuna: optuna-dashboard {run.journal}, then http://127.0.0.1:8080",
    ]
    dashboard = dashboard_address()
    if dashboard:
        job = ray.get_runtime_context().get_job_id()
        shown = f"http://{dashboard}/#/jobs/{job}; its token: ray get-auth-token"
        lines.insert(0, f"Ray dashboard: {shown}")
    return lines


TRACK = "THAWTUNE_TRACK"
"""Environment variable: names of trackers, with commas between."""


@contextmanager
def watched(current: OpenRun) -> Iterator[None]:
    """Within, what happens to a run is shown in all places where it can be watched. Needs Ray.

    Raises:
        InputError: If there is no such tracker, or its package is not installed.
    """
    study, folder = current.study, current.run.folder
    guarded = [Guarded(tracker(study, folder), current.say) for tracker in _trackers()]
    watchers: list[Watcher] = [Metrics(study), TensorBoard(study, folder / "tensorboard")]
    if dashboard_address():  # nobody sees its tasks otherwise, and it takes a process
        watchers.append(Board(study))
    guarded += [Guarded(watcher, current.say) for watcher in watchers]
    for watcher in guarded:
        for event in read_ledger(current.run.ledger):
            watcher.recall(event)
    for line in addresses(current.run):
        current.say(line)
    current.watchers += [watcher.take for watcher in guarded]
    try:
        yield
    finally:
        current.watchers.clear()
        for watcher in guarded:
            watcher.close()


class Guarded:
    """A watcher that is let go, with a sentence, when something goes wrong in it.

    Args:
        watcher: Is told of events.
        say: Takes the sentence.
    """

    def __init__(self, watcher: Watcher, say: Callable[[str], None]) -> None:
        self._watcher: Watcher | None = watcher
        self._say, self._name = say, type(watcher).__name__

    def recall(self, event: Event) -> None:
        """As the watcher's own."""
        self._try(lambda watcher: watcher.recall(event))

    def take(self, event: Event) -> None:
        """As the watcher's own."""
        self._try(lambda watcher: watcher.take(event))

    def close(self) -> None:
        """As the watcher's own."""
        self._try(lambda watcher: watcher.close())

    def _try(self, act: Callable[[Watcher], None]) -> None:
        if self._watcher is None:
            return
        try:
            act(self._watcher)
        except Exception as error:  # whatever it is, it is no reason to lose the search
            self._watcher = None
            self._say(f"{self._name} does not show this search any more: {error}")


def _trackers() -> list[type[Tracker]]:
    names = [name.strip() for name in os.environ.get(TRACK, "").split(",") if name.strip()]
    unknown = sorted(set(names) - set(TRACKERS))
    if unknown:
        raise InputError(
            f"{TRACK} names {', '.join(unknown)}; there are {' and '.join(sorted(TRACKERS))}."
        )
    return [TRACKERS[name] for name in names]
