"""The events of a ledger: plain records with a name, a time and, where they concern one, a trial.

study_opened     version, study, hash, versions
driver_started   host, pid
trial_proposed   trial, recipe, hyperparameters, seed
trial_started    trial, node, total_params, trainable_params, resumed
trial_measured   trial, measurement
trial_ended      trial, state, reason, error
driver_stopped   reason
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from spaces.hyperparameters import Hyperparameters
from trainables.measurement import Measurement

VERSION = 1
"""Of the ledger's form; a reader refuses a newer one."""

RUNNING, COMPLETE, PRUNED, FAIL = "RUNNING", "COMPLETE", "PRUNED", "FAIL"
STATES = (RUNNING, COMPLETE, PRUNED, FAIL)
"""RUNNING; COMPLETE (reached max_t or its own end); PRUNED (stopped by the scheduler); FAIL."""

Event = dict[str, Any]


def _event(name: str, **fields: Any) -> Event:
    return {"event": name, "time": time.time(), **fields}


def study_opened(study: str, study_hash: str, versions: dict[str, str]) -> Event:
    """The run begins."""
    return _event("study_opened", version=VERSION, study=study, hash=study_hash, versions=versions)


def driver_started(host: str, pid: int) -> Event:
    """A process drives the run from now on."""
    return _event("driver_started", host=host, pid=pid)


def driver_stopped(reason: str) -> Event:
    """The process ends of its own will."""
    return _event("driver_stopped", reason=reason)


def trial_proposed(trial: int, recipe: str | None, point: Hyperparameters, seed: int) -> Event:
    """A configuration is to be tried."""
    return _event(
        "trial_proposed", trial=trial, recipe=recipe, hyperparameters=point.to_dict(), seed=seed
    )


def trial_started(
    trial: int, node: str, total_params: int, trainable_params: int, resumed: int
) -> Event:
    """A worker has built the trial's network; `resumed` is the epoch it goes on from, or 0."""
    return _event(
        "trial_started",
        trial=trial,
        node=node,
        total_params=total_params,
        trainable_params=trainable_params,
        resumed=resumed,
    )


def trial_measured(trial: int, measurement: Measurement) -> Event:
    """An epoch is done."""
    return _event("trial_measured", trial=trial, measurement=measurement.to_dict())


def trial_ended(trial: int, state: str, reason: str, error: str | None = None) -> Event:
    """The trial is over.

    Raises:
        ValueError: If the state is not one that ends a trial.
    """
    if state not in STATES or state == RUNNING:
        raise ValueError(f"state is {state!r}, must be one of {STATES[1:]}")
    return _event("trial_ended", trial=trial, state=state, reason=reason, error=error)


EventSink = Callable[[Event], None]
"""What takes events: a ledger, a terminal view, a list in a test."""
