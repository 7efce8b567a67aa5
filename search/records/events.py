"""The events of a ledger: plain records with a name, a time and, if they concern one, a trial."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import TypeAdapter

from spaces.hyperparameters import Hyperparameters
from trainables.training.measurement import Measurement

VERSION = 3
"""Version of the ledger's format; a reader refuses a newer one. Since 2, repeats of finalists are
known; since 3, `hits` and `misses` count rows, and no longer files of rows."""

RUNNING, COMPLETE, PRUNED, FAIL = "RUNNING", "COMPLETE", "PRUNED", "FAIL"
STATES = (RUNNING, COMPLETE, PRUNED, FAIL)
"""RUNNING; COMPLETE (reached max_t or its own end); PRUNED (stopped by the scheduler); FAIL."""

Event = dict[str, Any]

_MEASUREMENT, _POINT = TypeAdapter(Measurement), TypeAdapter(Hyperparameters)
_NUMBER = int | float
_TEXT = str | None

FIELDS: dict[str, dict[str, Any]] = {
    "study_opened": {"version": int, "study": str, "hash": str, "versions": dict, "options": dict},
    "study_changed": {"hash": str, "options": dict},
    "driver_started": {"host": str, "pid": int},
    "features_stored": {
        "seconds": _NUMBER,
        "cores": _NUMBER,
        "bytes": int,
        "hits": int,
        "misses": int,
        "images": int,
    },
    "trial_proposed": {
        "trial": int,
        "recipe": _TEXT,
        "hyperparameters": dict,
        "seed": int,
        "finalist_of": int | None,
    },
    "trial_started": {
        "trial": int,
        "node": str,
        "total_params": int,
        "trainable_params": int,
        "resumed": int,
        "attempt": int,
        "accumulate": int,
        "damaged": list,
        "hits": int,
        "misses": int,
        "precision": str,
    },
    "trial_measured": {"trial": int, "measurement": dict},
    "trial_checkpointed": {"trial": int, "epoch": int, "bytes": int},
    "trial_paused": {"trial": int, "epoch": int},
    "attempt_failed": {"trial": int, "reason": str, "error": _TEXT, "too_large": _TEXT},
    "trial_ended": {"trial": int, "state": str, "reason": str, "error": _TEXT},
    "noted": {"text": str},
    "driver_stopped": {"reason": str},
}
"""What each event has beside its name and its time. Options are those of the command line that
resuming may change: more trials, more time, other resources."""


def check(event: Event) -> None:
    """Refuse an event that nothing here can have written; unknown ones are left to newer versions.

    Raises:
        ValueError: If a field is missing or has another type.
    """
    for name, kind in {"time": _NUMBER, **FIELDS.get(event["event"], {})}.items():
        if name not in event:
            raise ValueError(f"{event['event']} has no {name}")
        if not isinstance(event[name], kind):
            raise ValueError(f"{name} of {event['event']} is {event[name]!r}")
    match event["event"]:
        case "trial_ended" if event["state"] not in STATES[1:]:
            raise ValueError(f"state of trial_ended is {event['state']!r}")
        case "trial_measured":
            _MEASUREMENT.validate_json(json.dumps(event["measurement"]), strict=True)
        case "trial_proposed":
            _POINT.validate_json(json.dumps(event["hyperparameters"]), strict=True)


def _event(name: str, **fields: Any) -> Event:
    return {"event": name, "time": time.time(), **fields}


def study_opened(
    study: str,
    study_hash: str,
    versions: dict[str, str],
    options: Mapping[str, Any] = MappingProxyType({}),
) -> Event:
    """The run begins; `options` of the command line hold until others are given."""
    return _event(
        "study_opened",
        version=VERSION,
        study=study,
        hash=study_hash,
        versions=versions,
        options=dict(options),
    )


def study_changed(study_hash: str, options: Mapping[str, Any] = MappingProxyType({})) -> Event:
    """The run resumes with a changed study, or with other options."""
    return _event("study_changed", hash=study_hash, options=dict(options))


def driver_started(host: str, pid: int) -> Event:
    """A process drives the run from now on."""
    return _event("driver_started", host=host, pid=pid)


def driver_stopped(reason: str) -> Event:
    """The process ends without being killed."""
    return _event("driver_stopped", reason=reason)


def features_stored(
    seconds: float, cores: float, bytes: int, hits: int, misses: int, images: int
) -> Event:
    """The features that trials share are stored on every node.

    Args:
        seconds: Wall time.
        cores: CPU cores that were occupied.
        bytes: Bytes written.
        hits: Rows (an image's activations at a boundary) that existed already.
        misses: Rows that were computed.
        images: Images passed through a backbone.
    """
    return _event(
        "features_stored",
        seconds=seconds,
        cores=cores,
        bytes=bytes,
        hits=hits,
        misses=misses,
        images=images,
    )


def trial_proposed(
    trial: int,
    recipe: str | None,
    point: Hyperparameters,
    seed: int,
    finalist_of: int | None = None,
) -> Event:
    """A configuration is to be tried; `finalist_of` is the trial that it repeats."""
    return _event(
        "trial_proposed",
        trial=trial,
        recipe=recipe,
        hyperparameters=point.to_dict(),
        seed=seed,
        finalist_of=finalist_of,
    )


def trial_started(
    trial: int,
    node: str,
    total_params: int,
    trainable_params: int,
    resumed: int,
    attempt: int = 1,
    accumulate: int = 1,
    damaged: Sequence[str] = (),
    hits: int = 0,
    misses: int = 0,
    precision: str = "float32",
) -> Event:
    """A worker has built the trial's network.

    Args:
        trial: Its number.
        node: Address of the machine.
        total_params: Parameters of the network.
        trainable_params: Parameters that are trained in any phase.
        resumed: The epoch it resumes after, or 0.
        attempt: 1 for the first; one more after each failure.
        accumulate: Number of parts that each batch is split into.
        damaged: Checkpoints that could not be read, newest first.
        hits: Rows of features that its worker asked for and did not have to compute.
        misses: Rows that it computed.
        precision: What its networks compute in.
    """
    return _event(
        "trial_started",
        trial=trial,
        node=node,
        total_params=total_params,
        trainable_params=trainable_params,
        resumed=resumed,
        attempt=attempt,
        accumulate=accumulate,
        damaged=list(damaged),
        hits=hits,
        misses=misses,
        precision=precision,
    )


def trial_measured(trial: int, measurement: Measurement) -> Event:
    """An epoch is done."""
    return _event("trial_measured", trial=trial, measurement=measurement.to_dict())


def trial_checkpointed(trial: int, epoch: int, size: int) -> Event:
    """The state after an epoch is on disk; `size` is in bytes."""
    return _event("trial_checkpointed", trial=trial, epoch=epoch, bytes=size)


def trial_paused(trial: int, epoch: int) -> Event:
    """The trial waits at a rung."""
    return _event("trial_paused", trial=trial, epoch=epoch)


def attempt_failed(
    trial: int, reason: str, error: str | None, too_large: str | None = None
) -> Event:
    """The trial was interrupted and will be retried.

    Args:
        trial: Its number.
        reason: As for trials that fail.
        error: The error message.
        too_large: What is made smaller in the next attempt, if memory ran out: "batch",
            "evaluation" (its batches), or "share" (the number of trials on a machine).
    """
    return _event("attempt_failed", trial=trial, reason=reason, error=error, too_large=too_large)


def trial_ended(trial: int, state: str, reason: str, error: str | None = None) -> Event:
    """The trial is over.

    Raises:
        ValueError: If the state is not one that ends a trial.
    """
    if state not in STATES or state == RUNNING:
        raise ValueError(f"state is {state!r}, must be one of {STATES[1:]}")
    return _event("trial_ended", trial=trial, state=state, reason=reason, error=error)


def noted(text: str) -> Event:
    """Something that a reader of the run should know."""
    return _event("noted", text=text)


EventSink = Callable[[Event], None]
"""What takes events: a ledger, a terminal view, a list in a test."""
