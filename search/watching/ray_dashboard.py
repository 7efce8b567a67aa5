"""Trials on Ray's dashboard: each appears as a Ray task with its own name and state.

A worker runs many trials, and the dashboard would show it as one actor with a long list of unnamed
steps. So each trial is also a task of an actor that only waits for the trials to end.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from search.records.events import FAIL, Event
from search.records.run import Run
from search.watching.watcher import Watcher
from spaces.studies.study import Study

_MOST = 10_000
"""Largest number of concurrent tasks."""

_LAST, _PATIENCE = 20, 2.0
"""On closing, wait for this many tasks of ended trials, and for at most this many seconds."""


class Trials:
    """The actor; each of its tasks lasts as long as a trial runs."""

    def __init__(self) -> None:
        self._ends: dict[int, asyncio.Future[str | None]] = {}

    async def run(self, number: int) -> str:
        """Wait until the trial ends.

        Returns:
            Its state and reason.

        Raises:
            RuntimeError: If the trial failed, with its error message.
        """
        end = self._ends.setdefault(number, asyncio.get_running_loop().create_future())
        said = await end
        self._ends.pop(number, None)
        return said or ""

    async def end(self, number: int, said: str, is_failure: bool) -> None:
        """End the trial's task."""
        end = self._ends.setdefault(number, asyncio.get_running_loop().create_future())
        if is_failure:
            end.set_exception(RuntimeError(said))
        else:
            end.set_result(said)


class Board(Watcher):
    """Starts and ends the tasks.

    Args:
        study: Its name becomes part of the actor's name.
    """

    def __init__(self, study: Study) -> None:
        os.environ["RAY_IGNORE_UNHANDLED_ERRORS"] = "1"  # only the dashboard shows failed tasks
        here = ray.get_runtime_context().get_node_id()  # the driver's node; others come and go
        kind = ray.remote(Trials).options(
            num_cpus=0,
            max_concurrency=_MOST,
            name=f"trials of {study.name}",
            scheduling_strategy=NodeAffinitySchedulingStrategy(here, soft=False),
        )
        self._actor: Any = kind.remote()
        self._names: dict[int, str] = {}
        self._shown: dict[int, Any] = {}
        self._ending: deque[Any] = deque(maxlen=_LAST)

    def recall(self, event: Event) -> None:
        """Remember the names of trials that may resume."""
        if event["event"] == "trial_proposed":
            self._names[event["trial"]] = _name(event)

    def take(self, event: Event) -> None:
        """Start a task for a trial that starts, and end the task of one that ends."""
        self.recall(event)
        kind, number = event["event"], event.get("trial")
        if number is None:
            return
        if kind in ("trial_proposed", "trial_started") and number not in self._shown:
            task = self._actor.run.options(name=self._names[number])
            self._shown[number] = task.remote(number)
        elif kind in ("trial_ended", "attempt_failed", "trial_paused") and number in self._shown:
            self._ending.append(self._shown.pop(number))
            self._actor.end.options(enable_task_events=False).remote(number, *_end(event))

    def close(self) -> None:
        """Wait for the tasks of ended trials, then kill the actor and with it all other tasks."""
        if self._ending:
            ray.wait(list(self._ending), num_returns=len(self._ending), timeout=_PATIENCE)
        ray.kill(self._actor)


def _name(event: Event) -> str:
    name = Run.trial_folder_name(event["trial"])
    if event["finalist_of"] is not None:
        return f"{name} repeats {Run.trial_folder_name(event['finalist_of'])}"
    return f"{name} {event['recipe']}" if event["recipe"] else name


def _end(event: Event) -> tuple[str, bool]:
    if event["event"] == "trial_paused":
        return f"waits at a rung after epoch {event['epoch']}", False
    state = event.get("state", FAIL)
    said = f"{state}: {event['reason']}"
    return f"{said}\n{event['error']}" if event["error"] else said, state == FAIL
