"""All watchers of a search: setting them up, feeding them events, printing their addresses."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import ray

from search.cluster.ray_private import dashboard_address
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


def addresses(run: Run) -> list[str]:
    """One line for each place where the search can be watched. Ray must be running."""
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
"""Environment variable: names of trackers, separated by commas."""


@contextmanager
def watched(current: OpenRun) -> Iterator[None]:
    """Feed the run's events to all watchers while the context is open. Ray must be running.

    Raises:
        InputError: If `THAWTUNE_TRACK` names an unknown tracker or one that is not installed.
    """
    study, folder = current.study, current.run.folder
    guarded = [Guarded(tracker(study, folder), current.say) for tracker in _trackers()]
    watchers: list[Watcher] = [Metrics(study), TensorBoard(study, folder / "tensorboard")]
    if dashboard_address():  # without a dashboard its tasks are invisible, and it takes a process
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
    """A watcher that is dropped, with a message, at its first error.

    Args:
        watcher: The watcher.
        say: Prints the message.
    """

    def __init__(self, watcher: Watcher, say: Callable[[str], None]) -> None:
        self._watcher: Watcher | None = watcher
        self._say, self._name = say, type(watcher).__name__

    def recall(self, event: Event) -> None:
        """Pass on an event of the past."""
        self._try(lambda watcher: watcher.recall(event))

    def take(self, event: Event) -> None:
        """Pass on a new event."""
        self._try(lambda watcher: watcher.take(event))

    def close(self) -> None:
        """Close the watcher."""
        self._try(lambda watcher: watcher.close())

    def _try(self, act: Callable[[Watcher], None]) -> None:
        if self._watcher is None:
            return
        try:
            act(self._watcher)
        except Exception as error:  # no error of a watcher is worth losing the search for
            self._watcher = None
            self._say(f"{self._name} no longer shows this search: {error}")


def _trackers() -> list[type[Tracker]]:
    names = [name.strip() for name in os.environ.get(TRACK, "").split(",") if name.strip()]
    unknown = sorted(set(names) - set(TRACKERS))
    if unknown:
        raise InputError(
            f"{TRACK} names {', '.join(unknown)}, but the known trackers are "
            f"{' and '.join(sorted(TRACKERS))}."
        )
    return [TRACKERS[name] for name in names]
