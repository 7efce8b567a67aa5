"""Working time: how long a driver was running, without the pauses between drivers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from search.records.events import Event


@dataclass(frozen=True)
class WorkingTime:
    """Spans in which at least one driver was running, in order of time; no two overlap.

    The span of a driver that was killed ends with its last event. The clocks of two machines may
    disagree, and one driver may take over from another that is still writing, so spans that
    overlap are merged: no second counts twice.

    Attributes:
        spans: Start and end of each, in seconds since 1970.
    """

    spans: tuple[tuple[float, float], ...] = ()

    @classmethod
    def of(cls, events: Iterable[Event]) -> WorkingTime:
        """Read the spans from the events of a ledger."""
        spans: list[tuple[float, float]] = []
        for event in events:
            if event["event"] == "driver_started":
                spans.append((event["time"], event["time"]))
            elif spans:
                spans[-1] = (spans[-1][0], max(spans[-1][1], event["time"]))
        return cls(tuple(_merged(spans)))

    @property
    def total(self) -> float:
        """Seconds in all spans."""
        return sum(end - start for start, end in self.spans)

    @property
    def started(self) -> float | None:
        """When the first driver started."""
        return self.spans[0][0] if self.spans else None

    def at(self, time: float) -> float:
        """Seconds in all spans up to a time."""
        return sum(max(0.0, min(end, time) - start) for start, end in self.spans if start < time)


def _merged(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged
