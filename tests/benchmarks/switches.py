"""Ours less one thing at a time: what can be switched off, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Switch:
    """One thing that ours does without.

    Attributes:
        text: What it is, for the table.
        environment: Variables that switch it off.
        sections: Keys of the study that do; `base` is added to.
    """

    text: str
    environment: Mapping[str, str] = field(default_factory=dict)
    sections: Mapping[str, Any] = field(default_factory=dict)


SWITCHES: dict[str, Switch] = {
    "one_worker": Switch(
        "one worker with all threads in place of one thread a worker",
        sections={"resources": {"cpu": 1, "concurrent": 1}},
    ),
}
"""By the end of their key in the results: `U_without_…`. A row is all that a new one takes."""
