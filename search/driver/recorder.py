"""What Ray Tune reports, as events of the ledger: epochs, ends, lost workers, lack of memory."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import ray.cloudpickle
import ray.exceptions
from ray.tune import Callback
from ray.tune.experiment import Trial

from search.cluster.ray_private import WorkerKilledError
from search.driver.room import Room
from search.driver.tune_adapter import NotPickled
from search.live.live_run import OpenRun
from search.records import events
from trainables.training.measurement import Measurement

MOST_LOST = 3
"""So many trials may lose all their workers before any worker has reported anything."""

MOST_HALVINGS = 3
"""How often the batches of a trial, or those of its evaluation, are halved when memory runs out."""


class Recorder(NotPickled, Callback):
    """Records Tune's results and errors as events.

    Args:
        current: The run that takes the events.
        room: Grows when a machine's memory runs out.
    """

    def __init__(self, current: OpenRun, room: Room) -> None:
        self._current, self._room = current, room
        self._study, self._history = current.study, current.history
        self._dispatch, self._sink = current.dispatch, current.take
        self._ends: dict[int, tuple[str, str, str | None]] = {}
        self._too_large: dict[int, str] = {}
        self._has_reported, self._lost = False, 0

    def on_step_begin(self, iteration: int, trials: list[Trial], **_: Any) -> None:
        """Let no event wait for the disk longer than it has to, and listen to all signals."""
        self._current.sync()
        self._current.ending.listen_again()

    def on_trial_result(
        self,
        iteration: int,
        trials: list[Trial],
        trial: Trial,
        result: dict[str, Any],
        **_: Any,
    ) -> None:
        """Record finished epochs, or a failure in one."""
        number, self._has_reported = trial.config["trial"], True
        happened = []
        if "started" in result:
            happened.append(events.trial_started(number, **result["started"]))
        happened += [
            events.trial_measured(number, Measurement.from_dict(measurement))
            for measurement in result.get("measurements", ())
        ]
        if "checkpoint" in result:
            happened.append(events.trial_checkpointed(number, *result["checkpoint"]))
        happened += [events.noted(text) for text in result.get("notes", ())]
        self._current.take(*happened)
        if "end" in result:
            self._ends[number] = tuple(result["end"])
            self._too_large[number] = result.get("too_large", "batch")
        if "storage" in result:
            self._current.ending.storage_failed(result["storage"])

    def on_trial_complete(
        self, iteration: int, trials: list[Trial], trial: Trial, **_: Any
    ) -> None:
        """Record that the trial ended by itself, or was stopped at a rung."""
        number = trial.config["trial"]
        end = self._ends.pop(number, None)
        if end is None and self._current.ending.has_begun:
            pass  # interrupted; it resumes with the run
        elif end is None and self._study.budget.promote:
            self._sink(events.trial_paused(number, self._history.trials[number].epochs))
        elif end is None:
            self._sink(events.trial_ended(number, events.PRUNED, "scheduler"))
        elif end[1] == "out_of_memory":
            self._out_of_memory(trial, end[2], self._too_large[number])
        elif end[1] == "worker_lost":
            self._worker_lost(number, end[2])
        else:
            self._sink(events.trial_ended(number, *end))
        self._dispatch.released(number)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **_: Any) -> None:
        """Record that the trial's process died."""
        number = trial.config["trial"]
        error = _error_of(trial)
        text = f"{str(error)[-4000:]}\n{cause_in_words(error)}"
        match _reason(error):
            case "recycled":
                pass  # the trial had not started yet
            case "preempted":
                self._sink(events.attempt_failed(number, "preempted", text))
            case "out_of_memory":
                self._out_of_memory(trial, in_words(error), "share")
            case "worker_lost":
                self._worker_lost(number, text)
            case reason:
                self._sink(events.trial_ended(number, events.FAIL, reason, text))
        self._dispatch.released(number)

    def _worker_lost(self, number: int, text: str | None) -> None:
        """Retry the trial, or end it if it has been retried as often as allowed."""
        failures = self._history.trials[number].failures
        lost = sum(failure.reason == "worker_lost" for failure in failures)
        if lost < self._study.resources.max_failures:
            self._sink(events.attempt_failed(number, "worker_lost", text))
        else:
            self._sink(events.trial_ended(number, events.FAIL, "worker_lost", text))
            self._lost += not self._has_reported
        if self._lost == MOST_LOST:
            last = (text or "").strip().splitlines()[-1].rstrip(".")
            self._current.ending.workers_failed(
                f"No worker has reported anything, and {MOST_LOST} trials have lost all of theirs. "
                f"The last error was: {last}. Repair what it names"
            )

    def _out_of_memory(self, tuned: Trial, text: str | None, too_large: str) -> None:
        """Retry the trial with less of what was too large, or end it if there is no less."""
        number, cpu = tuned.config["trial"], tuned.config["cpu"]
        trial = self._history.trials[number]
        if too_large == "share" and not self._room.is_whole_machine(cpu):
            self._room.widen(cpu)
            self._sink(events.attempt_failed(number, "out_of_memory", text, too_large))
            return
        smaller = "batch" if too_large == "share" else too_large
        most = 2**MOST_HALVINGS
        if smaller == "batch":
            most = min(most, trial.point.batch_size)
        if 2 ** trial.halvings(smaller) < most:
            self._sink(events.attempt_failed(number, "out_of_memory", text, smaller))
        else:
            self._sink(events.trial_ended(number, events.FAIL, "out_of_memory", text))


def _error_of(trial: Trial) -> Exception | None:
    """The error from the file that Tune has just written; its own getter reads a later copy."""
    path = trial.pickled_error_file
    if path is None or not Path(path).is_file():
        return None
    error: Exception = ray.cloudpickle.loads(Path(path).read_bytes())
    return error


def _reason(error: Exception | None) -> str:
    if isinstance(error, WorkerKilledError) and error.for_memory:
        return "out_of_memory"
    if isinstance(error, ray.exceptions.RayActorError) and "exit_actor" in str(error):
        return "recycled"
    if isinstance(error, ray.exceptions.RayActorError):
        return "preempted" if error.preempted else "worker_lost"
    return "error"


def cause_in_words(error: Exception | None) -> str:
    """The first exception in what Ray says of a dead worker, or else the last line."""
    said = str(error).strip()
    raised = re.search(r"^[\w.]*(?:Error|Exception|Exit)\b.*$", said, re.MULTILINE)
    last = (said.splitlines() or ["Ray gave no reason"])[-1]
    return f"The trial's worker died: {raised[0] if raised else last}"


def in_words(error: Exception | None) -> str:
    """What Ray says of a worker that it killed for memory: what there was, and what to change."""
    said = " ".join(str(error).split())
    found = re.search(r"was ([\d.]+ ?\w*B) ?/ ?([\d.]+ ?\w*B)", said)
    used = f"{found[1]} of {found[2]} were in use" if found else said[:500]
    return (
        f"Ray ended the trial's worker because its machine ran out of memory ({used}). Choose a "
        "smaller image_size, batch_size or backbone, a lower resources.concurrent, or a machine "
        "with more memory."
    )
