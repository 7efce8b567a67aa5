"""What a process may do to a run at a URL, one at a time: drive it, or write what follows."""

from __future__ import annotations

from dataclasses import dataclass

from spaces.errors import RunStateError


@dataclass(frozen=True)
class Role:
    """What a claim is for; each role can be held by one process at a time.

    Attributes:
        folder: Folder of the claims at the URL.
        does: What the owner does to the run, as in messages.
    """

    folder: str
    does: str

    def name(self, number: int) -> str:
        """The name of a claim."""
        return f"{self.folder}/{number:06d}.json"

    def refusal(self, by: str, url: str) -> RunStateError:
        """The error for whoever finds the claim held."""
        return RunStateError(
            f"Another process{by} {self.does} the run in {url}. Wait until it ends, or stop it."
        )


DRIVER = Role("driver", "drives")
"""Searches, and writes the ledger."""

WRITER = Role("writer", "writes to")
"""Fine-tunes, tests or exports, and writes everything but the ledger."""
