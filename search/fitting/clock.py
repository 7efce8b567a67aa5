"""The time that `fit` was given: how much is left, and what has to be kept for the end."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Clock:
    """Counts from its creation.

    Attributes:
        seconds: The time that everything may take; None for no limit.
    """

    seconds: float | None
    _began: float = field(default_factory=time.monotonic)

    @property
    def taken(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float | None:
        """Seconds until the end; negative after it."""
        return None if self.seconds is None else self.seconds - self.taken
