"""The interface of everything that shows a run's events."""

from __future__ import annotations

from abc import ABC, abstractmethod

from search.records.events import Event


class Watcher(ABC):
    """Shows a run somewhere."""

    def recall(self, event: Event) -> None:  # noqa: B027 - most do not need past events
        """Learn of a past event, which an earlier process may have shown already."""

    @abstractmethod
    def take(self, event: Event) -> None:
        """Show an event that has just been written to the ledger."""

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """Finish: the search ends, and unfinished trials may resume in a later one."""
