"""How long a search was at work: the time that a driver was up, without the pauses between."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from search.records.events import Event


@dataclass(frozen=True)
class WorkingTime:
    """Spans in which a driver was up, in the order of the ledger.

    A driver that was killed wrote no end: its span ends with its last event.

    Attributes:
        spans: Start and end of each, seconds since 1970.
    """

    spans: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, events: Iterable[Event]) -> WorkingTime:
        """Read the spans off a ledger."""
        spans: list[tuple[float, float]] = []
        for event in events:
            if event["event"] == "driver_started":
                spans.append((event["time"], event["time"]))
            elif spans:
                spans[-1] = (spans[-1][0], max(spans[-1][1], event["time"]))
        return cls(tuple(spans))

    @property
    def total(self) -> float:
        """Seconds at work."""
        return sum(end - start for start, end in self.spans)

    @property
    def started(self) -> float | None:
        """When the first driver came up."""
        return self.spans[0][0] if self.spans else None

    def at(self, time: float) -> float:
        """Seconds at work up to a time."""
        return sum(max(0.0, min(end, time) - start) for start, end in self.spans if start < time)
