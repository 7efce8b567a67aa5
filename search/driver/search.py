"""The search itself: Ray Tune drives the trials, and the ledger records their results."""

from __future__ import annotations

import logging
import os
import platform
import signal
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

from ray import tune
from rich.console import Console

from search.cluster.placement import host_threads, most_cpu, placed
from search.cluster.ray_private import tell_lost_workers
from search.driver.finished import (
    is_finished,
    raise_if_all_failed,
    seconds_left,
    time_sentence,
)
from search.driver.recorder import Recorder
from search.driver.room import Room
from search.driver.tune_adapter import Asha, DispatchedSearcher, EndStopper, Waiting
from search.features.precompute import store_features
from search.live.early_end import Ending
from search.live.live_run import OpenRun, opened
from search.live.live_table import View
from search.live.lock import writable
from search.records import events
from search.records.history import History
from search.records.ledger import Ledger
from search.records.run import Run, make_folder, write_json, write_whole
from search.records.run_sets import sets_of
from search.watching.hub import watched
from spaces.errors import InterruptedSearchError, RunStateError
from spaces.studies.study import Study
from trainables.cache.folder import cache_for_workers
from trainables.datasets.preflight.record import Preflight
from trainables.datasets.sets.recorded import RecordedSets
from trainables.features.plan.plan import Plan
from trainables.worker.keras_trainable import Job, KerasTrainable

_PACKAGES = ("ray", "optuna", "tensorflow", "keras", "numpy", "thawtune")


def create_run(
    run: Run, study: Study, found: Preflight, options: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Create a run's folder: study, preflight, sets, and the first event of the ledger."""
    make_folder(run)
    write_whole(run.study_file, study.to_yaml())
    write_json(run.data, found.to_dict())
    write_whole(run.sets, found.sets.to_parquet())
    versions = {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()}
    with Ledger(run.ledger) as ledger:
        ledger.append(events.study_opened(study.name, study.hash, versions, options))


@dataclass(frozen=True)
class Limit:
    """How long a search may take in place of its study's `budget.seconds`.

    Attributes:
        seconds: Until what follows the search has to be done, too.
        reserve: Seconds that this will take, given the trials so far.
    """

    seconds: float
    reserve: Callable[[History], float]


def search(
    run: Run,
    study: Study,
    console: Console,
    limit: Limit | None = None,
) -> History:
    """Run the trials of a study that have not ended yet, and write the files derived from them.

    A search that has finished, or whose time is over, is left as it is; any other needs Ray.

    Args:
        run: A run that `create_run` created, and whose lock this process holds.
        study: The study to search.
        console: Shows the live view.
        limit: The time of the search, if not the study's; then its caller says what comes after.

    Raises:
        RunStateError: If another process drives the run at its URL, or it cannot be written to.
        InterruptedSearchError: If a signal ended the search early.
        EveryTrialFailedError: If every trial failed.
    """
    past = run.history()
    if is_finished(run, past):
        raise_if_all_failed(past)
        return past
    ending = Ending(seconds_left(study, past) if limit is None else limit.seconds)
    with opened(run, study, ending, console) as current, _always_closed(current):
        if limit is not None:
            reserve, history = limit.reserve, current.history
            ending.reserve = lambda: reserve(history)
        current.take(events.driver_started(socket.gethostname(), os.getpid()))
        current.dispatch.settle()
        if not current.dispatch.is_over:
            with ending.listening():
                sets = sets_of(run, study.dataset).without_test()
                to_run = placed(current, len(sets.positions("train", "validation")))
                plan = store_features(current, to_run, sets, console)
                with (
                    View(study, current.history, console, ending.seconds_left),
                    tempfile.TemporaryDirectory(prefix="thawtune-") as scratch,
                ):
                    _fit(current, to_run, sets, plan, scratch)
        _close(current, tells_of_time=limit is None)
        return current.history


@contextmanager
def _always_closed(current: OpenRun) -> Iterator[None]:
    """Record that the driver stops, also if an error ends the search."""
    try:
        yield
    except BaseException:
        if current.history.stopped is None:
            current.stop(current.ending.reason or "error")
        raise


def _close(current: OpenRun, tells_of_time: bool) -> None:
    """Record how the search ended, and raise if it ended early or every trial failed.

    Args:
        current: The run.
        tells_of_time: Whether to say that the time is over, and how to go on.
    """
    ending, resume = current.ending, current.run.command("resume")
    if ending.has_failed:
        raise RunStateError(f"{ending.sentence}. The ledger is intact. Then resume with: {resume}")
    is_early = not current.dispatch.is_over
    reason = "seconds" if current.dispatch.is_closed else "done"
    current.stop((ending.reason if is_early else None) or reason)
    with writable(current.run):
        current.write_derived()
    if is_early and ending.signal is not None:
        raise InterruptedSearchError(
            f"Ended by {signal.Signals(ending.signal).name}; everything so far is saved in "
            f"{current.run.place}. Resume with: {resume}",
            ending.signal,
        )
    if tells_of_time and (ending.reason == "seconds" or current.dispatch.is_closed):
        current.say(time_sentence(current.run, current.study, current.history))
    raise_if_all_failed(current.history)


def _fit(
    current: OpenRun, study: Study, sets: RecordedSets, plan: Plan | None, scratch: str
) -> None:
    """Run Tune. It keeps its own files in a scratch folder, which nothing reads afterwards."""
    concurrent = study.resources.concurrent or 1
    os.environ |= _environment(concurrent)
    job = Job(
        study.to_dict(),
        sets,
        None if plan is None else plan.to_dict(),
        cache_for_workers(),
        host_threads(study.resources),
        current.rungs.milestones,
        concurrent,
    )
    room = Room(study.resources, most_cpu())
    tell_lost_workers()
    tuner = tune.Tuner(
        tune.with_resources(tune.with_parameters(KerasTrainable, job=job), room.of),
        tune_config=tune.TuneConfig(
            num_samples=-1,
            search_alg=DispatchedSearcher(current, room),
            scheduler=Asha(study, current.rungs, current.ending),
            reuse_actors=True,
            trial_name_creator=lambda trial: f"trial_{trial.config['trial']:05d}",
            trial_dirname_creator=lambda trial: f"{trial.config['trial']}-{trial.trial_id}",
        ),
        run_config=tune.RunConfig(
            name="search",
            storage_path=scratch,
            callbacks=[Recorder(current, room), Waiting(study.resources, current.say)],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False),
            stop=EndStopper(current.ending),
            verbose=0,
        ),
    )
    # The ledger has the errors of lost workers and failed trials; we report them in one sentence.
    logging.getLogger("ray.tune").setLevel(logging.CRITICAL)
    try:
        with watched(current):
            tuner.fit()
    except Exception:
        if not current.ending.has_failed:
            raise


def _environment(concurrent: int) -> dict[str, str]:
    """Variables that keep Tune from writing files and tables of its own and handling signals."""
    return {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        "RAY_AIR_NEW_OUTPUT": "0",
        "TUNE_DISABLE_SIGINT_HANDLER": "1",
        "TUNE_GLOBAL_CHECKPOINT_S": "1000000",
        "TUNE_FORCE_TRIAL_CLEANUP_S": "10",  # do not wait for a worker in a long epoch
        "TUNE_MAX_PENDING_TRIALS_PG": str(concurrent),  # so that an autoscaler sees the demand
    }
