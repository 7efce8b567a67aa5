"""The search itself: Ray Tune drives the trials, the ledger keeps what they say."""

from __future__ import annotations

import os
import platform
import shutil
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import ray
from filelock import FileLock, Timeout
from ray import tune
from rich.console import Console

from search.cluster import ray_running
from search.recording import Assignment, RecordedSearcher, Recorder
from search.records import events
from search.records.history import History
from search.records.ledger import Ledger, read_ledger
from search.records.run import Run, write_json, write_whole
from search.records.tables import write_tables
from search.scheduler import scheduler
from search.searcher import OptunaSearcher
from search.signals import Signals
from search.view import View
from spaces.errors import EveryTrialFailedError, InterruptedSearchError, RunStateError
from spaces.study import Study
from trainables.cache import cache_folder
from trainables.checkpoint import latest_checkpoint, remove_older
from trainables.ray_trainable import Job, KerasTrainable

QUIET_TUNE = {"TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1", "RAY_AIR_NEW_OUTPUT": "0"}
"""No files and no tables of Tune's own: the ledger and the view have all that they would say."""

_PACKAGES = ("ray", "optuna", "tensorflow", "keras", "numpy", "thawtune")


@dataclass
class Recording:
    """A run open for writing: every event reaches the ledger first.

    Attributes:
        run: Where it stands.
        study: What is searched.
        history: What has happened.
        searcher: Learns from it.
    """

    run: Run
    study: Study
    history: History
    searcher: OptunaSearcher
    ledger: Ledger

    def take(self, event: events.Event) -> None:
        """Write an event, then let all that depend on it know."""
        self.ledger.append(event)
        self.history.take(event)
        self.searcher.take(event)
        if event["event"] == "trial_ended":
            self._remove_checkpoints()

    def _remove_checkpoints(self) -> None:
        """Keep those of recipes, of the best trial that has ended, and of what still runs."""
        over = [t for t in self.history.trials.values() if t.is_over and t.recipe is None]
        best = self.history.incumbent(self.study.objective, among=over)
        for trial in (t for t in self.history.trials.values() if t.is_over):
            folder = self.run.trial_checkpoints(trial.number)
            if trial in over and trial is not best:
                shutil.rmtree(folder, ignore_errors=True)
            else:
                remove_older(folder)

    def write_tables(self) -> None:
        """Write the tables as the ledger has them now."""
        write_tables(self.run, self.history, self.study.objective)


def create_run(run: Run, study: Study, data: dict[str, Any]) -> None:
    """Make a run's folder, with its study, what its data are, and the first event of its ledger."""
    run.folder.mkdir(parents=True)
    write_whole(run.study_file, study.to_yaml())
    write_json(run.data, data)
    versions = {name: version(name) for name in _PACKAGES} | {"python": platform.python_version()}
    with Ledger(run.ledger) as ledger:
        ledger.append(events.study_opened(study.name, study.hash, versions))


def search(run: Run, study: Study, address: str | None, console: Console) -> History:
    """Run a study's trials that have not ended yet, and write the run's tables.

    Args:
        run: A run that `create_run` made.
        study: What is searched.
        address: Of a Ray cluster; None runs on this machine.
        console: Where the live view goes.

    Raises:
        RunStateError: If another process drives the run.
        EveryTrialFailedError: If no trial worked.
    """
    with _opened(run, study) as recording:
        left = _unfinished(run, recording.history)
        first = len(recording.history.trials)
        recording.take(events.driver_started(socket.gethostname(), os.getpid()))
        if left or first < study.budget.trials:
            signals = Signals()
            with ray_running(address), View(study, recording.history, console), signals.forwarded():
                _fit(recording, left, first)
            _refuse_interrupted(recording, signals)
        recording.take(events.driver_stopped("done"))
        recording.write_tables()
        failed = recording.history.in_state(events.FAIL)
        if failed and len(failed) == len(recording.history.trials):
            raise EveryTrialFailedError(
                f"Every one of {len(failed)} trials failed. The first one said: "
                f"{(failed[0].error or failed[0].reason or '').strip().splitlines()[-1]}"
            )
        return recording.history


def _refuse_interrupted(recording: Recording, signals: Signals) -> None:
    """Tune ends without a word when a signal asks for it: what is left tells that it did."""
    history, budget = recording.history, recording.study.budget
    is_whole = len(history.trials) >= budget.trials and not history.in_state(events.RUNNING)
    if is_whole or (budget.seconds is not None and signals.received is None):
        return
    number = signals.received or signal.SIGINT
    recording.take(events.driver_stopped(signal.Signals(number).name))
    recording.write_tables()
    raise InterruptedSearchError(
        f"Ended by {signal.Signals(number).name}; everything so far is saved in "
        f"{recording.run.folder}. Go on by thawtune search {recording.study.name} "
        f"--run {recording.run.folder} --resume.",
        number,
    )


@contextmanager
def _opened(run: Run, study: Study) -> Iterator[Recording]:
    lock = FileLock(run.folder / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunStateError(
            f"Another process drives the run in {run.folder}. Wait for it, or stop it first."
        ) from error
    try:
        past = read_ledger(run.ledger)
        searcher = OptunaSearcher(study)
        for event in past:
            searcher.take(event)
        with Ledger(run.ledger) as ledger:
            yield Recording(run, study, History.of(past), searcher, ledger)
    finally:
        lock.release()


def _unfinished(run: Run, history: History) -> list[Assignment]:
    return [
        Assignment(
            t.number,
            t.recipe,
            t.point,
            t.seed,
            latest_checkpoint(run.trial_checkpoints(t.number)),
        )
        for t in history.in_state(events.RUNNING)
    ]


def _fit(recording: Recording, left: list[Assignment], first: int) -> None:
    study = recording.study
    os.environ |= QUIET_TUNE
    threads = max(1, int(study.resources.cpu))
    job = Job(study.to_dict(), str(cache_folder()), threads)
    resources = {"cpu": study.resources.cpu, "gpu": study.resources.gpu}
    trainable = tune.with_resources(tune.with_parameters(KerasTrainable, job=job), resources)
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            num_samples=-1,
            search_alg=RecordedSearcher(study, recording.searcher, recording.take, left, first),
            scheduler=scheduler(study),
            max_concurrent_trials=_concurrent(study),
            reuse_actors=True,
            time_budget_s=study.budget.seconds,
            trial_name_creator=lambda trial: f"trial_{trial.config['trial']:05d}",
            trial_dirname_creator=lambda trial: Run.trial_folder_name(trial.config["trial"]),
        ),
        run_config=tune.RunConfig(
            name=recording.run.checkpoints.name,
            storage_path=str(recording.run.folder.resolve()),
            callbacks=[Recorder(study, recording.take)],
            checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=1, num_to_keep=2),
            verbose=0,
        ),
    )
    tuner.fit()


def _concurrent(study: Study) -> int:
    """How many trials run at once: what the study says, or what the cluster holds."""
    if study.resources.concurrent is not None:
        return study.resources.concurrent
    total = ray.cluster_resources()
    fits = [total.get("CPU", 1) / study.resources.cpu]
    if study.resources.gpu:
        fits.append(total.get("GPU", 0) / study.resources.gpu)
    return max(1, int(min(fits)))
