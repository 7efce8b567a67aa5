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
    "store": Switch(
        "no room in the feature store",
        environment={"THAWTUNE_CACHE_LIMIT": "0"},
    ),
    "worker_a_core": Switch(
        "one worker with two threads in place of two with one",
        sections={"resources": {"cpu": 2}},
    ),
    "reused_workers": Switch(
        "a new worker for each trial",
        environment={"THAWTUNE_WORKER_LIMIT": "1MB"},
    ),
    "rare_checkpoints": Switch(
        "checkpoints as often as they can be made",
        sections={"resources": {"cpu": 1, "checkpoint_seconds": 0}},
    ),
}
"""By the end of their key in the results: `U_without_…`. A row is all that a new one takes."""
