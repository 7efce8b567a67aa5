"""Ending a search by a signal without losing anything."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Signals:
    """Which signal asked the search to end, if any did."""

    def __init__(self) -> None:
        self.received: int | None = None

    @contextmanager
    def forwarded(self) -> Iterator[None]:
        """Within, SIGTERM ends Tune as SIGINT does: at once, in order, with everything saved."""
        previous = signal.signal(signal.SIGTERM, self._on_terminate)
        try:
            yield
        finally:
            signal.signal(signal.SIGTERM, previous)

    def _on_terminate(self, number: int, frame: FrameType | None) -> None:
        self.received = number
        os.kill(os.getpid(), signal.SIGINT)
