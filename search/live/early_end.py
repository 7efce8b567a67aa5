"""Ending a search early, without losing anything: on a signal, after its time, if storage fails."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

PATIENCE = 12.0
"""Seconds that running epochs get to finish, so that they are not lost."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)

_EVERY = 1.0
"""Seconds for which an estimate of the reserve holds: it follows from all trials."""


class Ending:
    """Whether the search has to end early, and why.

    Attributes:
        reason: None, or the name of a signal, "seconds", "storage" or "workers".
        sentence: The message to show if the reason is "storage" or "workers".
        reserve: Returns the seconds that what follows the search will take; the search ends earlier
            by as much.

    Args:
        seconds: Time after which the search ends; None for no limit.
    """

    def __init__(self, seconds: float | None) -> None:
        self.reason: str | None = None
        self.sentence = ""
        self.reserve: Callable[[], float] = lambda: 0.0
        self._since, self._is_listening = 0.0, False
        self._reserved, self._estimated = 0.0, -math.inf
        self._deadline = None if seconds is None else time.monotonic() + seconds

    @property
    def has_begun(self) -> bool:
        """Whether no trial may start or continue any more."""
        left = self.seconds_left() if self.reason is None else None
        if left is not None and left < 0:
            self._begin("seconds")
        return self.reason is not None

    def seconds_left(self) -> float | None:
        """Until the search's time is over; None: it has no limit."""
        if self._deadline is None:
            return None
        now = time.monotonic()
        if now - self._estimated >= _EVERY:
            self._reserved, self._estimated = self.reserve(), now
        return self._deadline - now - self._reserved

    @property
    def is_out_of_patience(self) -> bool:
        """Whether the time for running epochs to finish is over."""
        return self.has_begun and time.monotonic() - self._since > PATIENCE

    @property
    def signal(self) -> int | None:
        """The signal that ended the search, if one did."""
        is_signal = self.reason is not None and self.reason.startswith("SIG")
        return int(signal.Signals[self.reason or ""]) if is_signal else None

    def storage_failed(self, sentence: str) -> None:
        """End at once, because nothing can be written any more."""
        self._fail("storage", sentence)

    def workers_failed(self, sentence: str) -> None:
        """End at once, because no worker runs long enough to report anything."""
        self._fail("workers", sentence)

    @property
    def has_failed(self) -> bool:
        """Whether something other than the user or the clock ended the search."""
        return self.reason in ("storage", "workers")

    def _fail(self, reason: str, sentence: str) -> None:
        self._begin(reason)
        self.sentence, self._since = self.sentence or sentence, -PATIENCE

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Let the first signal (Ctrl-C, SIGTERM, SIGUSR1) end the search, the second the process.

        Slurm can send SIGUSR1 ahead of a job's time limit.
        """
        previous = {n: signal.signal(n, self._on_signal) for n in _SIGNALS}
        self._is_listening = True
        try:
            yield
        finally:
            self._is_listening = False
            for number, handler in previous.items():
                signal.signal(number, handler)

    def listen_again(self) -> None:
        """Take SIGUSR1 back from Tune, which would end the search without a reason."""
        if self._is_listening and signal.getsignal(signal.SIGUSR1) != self._on_signal:
            signal.signal(signal.SIGUSR1, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            os._exit(128 + number)
        self._begin(signal.Signals(number).name)

    def _begin(self, reason: str) -> None:
        self.reason, self._since = reason, time.monotonic()
