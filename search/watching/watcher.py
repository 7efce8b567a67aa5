"""What is told of a run's events."""

from __future__ import annotations

from abc import ABC, abstractmethod

from search.records.events import Event


class Watcher(ABC):
    """Shows a run somewhere."""

    def recall(self, event: Event) -> None:  # noqa: B027 - most need no past
        """Learn an event of the past, that an earlier process may have shown already."""

    @abstractmethod
    def take(self, event: Event) -> None:
        """Show an event that has just been written to the ledger."""

    def close(self) -> None:  # noqa: B027 - most leave nothing open
        """The search ends; trials that have not ended yet may be gone on with later."""
