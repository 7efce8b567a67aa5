"""Trials as tasks of Ray, so that each has a line of its own, and a state, on Ray's dashboard.

A worker takes one trial after the other and would show as one actor with one long list of nameless
steps. Here each trial is also a task of one actor that does nothing but wait for the trial's end.
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
from spaces.study import Study

_MOST = 10_000
"""Tasks at once: trials that wait in a rung are among them."""

_LAST, _PATIENCE = 20, 2.0
"""Tasks of ended trials, and seconds in which they must have ended too."""


class Trials:
    """The actor; a task of it lasts as long as its trial runs."""

    def __init__(self) -> None:
        self._ends: dict[int, asyncio.Future[str | None]] = {}

    async def run(self, number: int) -> str:
        """Wait for the trial's end.

        Returns:
            Its state and reason.

        Raises:
            RuntimeError: If the trial failed, with what it said.
        """
        end = self._ends.setdefault(number, asyncio.get_running_loop().create_future())
        said = await end
        self._ends.pop(number, None)
        return said or ""

    async def end(self, number: int, said: str, is_failure: bool) -> None:
        """Let the trial's task end."""
        end = self._ends.setdefault(number, asyncio.get_running_loop().create_future())
        if is_failure:
            end.set_exception(RuntimeError(said))
        else:
            end.set_result(said)


class Board(Watcher):
    """Begins and ends the tasks.

    Args:
        study: Its name is the actor's.
    """

    def __init__(self, study: Study) -> None:
        os.environ["RAY_IGNORE_UNHANDLED_ERRORS"] = "1"  # failed trials are for the dashboard alone
        here = ray.get_runtime_context().get_node_id()  # other nodes may come and go
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
        """Know the names of trials that are gone on with."""
        if event["event"] == "trial_proposed":
            self._names[event["trial"]] = _name(event)

    def take(self, event: Event) -> None:
        """Show a trial that began, hide one that ended."""
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
        """Tasks of trials that are broken off end with the actor, others before it."""
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
        return f"waits in a rung after epoch {event['epoch']}", False
    state = event.get("state", FAIL)
    said = f"{state}: {event['reason']}"
    return f"{said}\n{event['error']}" if event["error"] else said, state == FAIL
