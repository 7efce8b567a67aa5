"""What is said while a search can do nothing but wait for a machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ray.tune import Callback

from search.not_pickled import NotPickled
from search.placement import fits_somewhere
from spaces.study import Resources

EVERY = 10.0
"""Seconds between two looks at the machines."""


class Waiting(NotPickled, Callback):
    """Says when the last machine that could run a trial is gone, and when there is one again.

    Args:
        resources: Of a trial.
        say: Takes the sentence.
    """

    def __init__(self, resources: Resources, say: Callable[[str], None]) -> None:
        self._resources, self._say = resources, say
        self._is_waiting, self._next_look = False, time.monotonic() + EVERY

    def on_step_begin(self, iteration: int, trials: list[Any], **_: Any) -> None:
        """Look, if it is time to."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + EVERY
        cpu, gpu = self._resources.cpu, self._resources.gpu or 0
        is_waiting = not fits_somewhere(cpu, gpu)
        if is_waiting and not self._is_waiting:
            self._say(
                f"No machine is there any more that has {cpu:g} CPU and {gpu:g} GPU for a trial: "
                "the search waits for one. Ctrl-C ends it, with everything saved."
            )
        elif self._is_waiting and not is_waiting:
            self._say("A machine is there again: the search goes on.")
        self._is_waiting = is_waiting
