"""Everything from a folder of photos to a tested model and its report, within a given time."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import ray
from rich.console import Console

from search.cluster.ray_job import run_folder
from search.driver.options import Options as SearchOptions
from search.driver.prepare import created, prepared, refuse_existing
from search.driver.ray_for_run import ray_for
from search.driver.search import Limit, search
from search.fitting.look import Options, Prepared, Say, prepared_for
from search.fitting.reserve import Clock, Reserve
from search.fitting.source import Source
from search.fitting.study import costs
from search.records import events
from search.records.history import History
from search.records.ledger import Ledger
from search.records.result_files import DATA
from search.records.run import Run, write_whole
from search.remote.working_copy import run_at
from spaces.errors import InputError
from spaces.studies.study import Study
from trainables.process.gpu import hide_gpus

_EARLY = 0.1
"""Share of a search's time that it may leave without a word."""


def fit(source: Source, options: Options, console: Console) -> tuple[str, Path, tuple[str, ...]]:
    """Look at the photos, write a study, search, fine-tune, evaluate and report.

    Returns:
        The run's folder or URL, the page, and the answer in two lines.

    Raises:
        ThawtuneError: As each of these steps.
    """
    clock = options.clock
    say: Say = lambda text: console.print(text, highlight=False, soft_wrap=True)  # noqa: E731
    target = run_folder(options.run, source.name)
    with run_at(target, drives=True, say=say) as run, ExitStack() as lock:
        refuse_existing(run)
        with ray_for(run, options.address):
            begun = _begun(source, options, clock, run, console, say)
            study, looked = lock.enter_context(begun)
            limit = _limit(clock, study, run, looked)
            history = search(run, study, console, limit)
            say(f"search: {len(history.searched)} trials after {clock.taken:.0f} s; fine-tuning")
            if limit is not None and (early := early_end(study, history, limit)) is not None:
                say(early)
            hide_gpus()
            from search.finetune.finetune import finetune

            use_gpu = options.gpu is not False and bool(ray.cluster_resources().get("GPU"))
            finetune(run, 1, use_gpu, options.address, takes_incumbent=True, say=say)
        say(f"fine-tuned after {clock.taken:.0f} s; opening the test set")
        from search.testset.evaluate import evaluate

        evaluate(run, say=say)
        page, lines = write_report(run), answer_of(run)
    asked = "" if clock.seconds is None else f" of {clock.seconds:.0f}"
    say(f"done after {clock.taken:.0f}{asked} s")
    return target, page, lines


@contextmanager
def _begun(
    source: Source, options: Options, clock: Clock, run: Run, console: Console, say: Say
) -> Iterator[tuple[Study, Prepared | None]]:
    """Create the run, from a study file or for photos, and hold its lock.

    Yields:
        The study, and what it was written from; None for a study file.
    """
    given = SearchOptions(
        seed=options.seed,
        gpu=0 if options.gpu is False else None,
        data=None if options.data is None else str(options.data.absolute()),
        address=options.address,
    )
    if source.section is None:
        source_file = nullcontext(source.path)
        with prepared(run, source_file, given, False, console) as found, found.begun:
            yield found.study, None
        return
    looked = prepared_for(source, options, clock, console, say)
    study = looked.written.study
    with created(run, study, looked.found, given):
        write_whole(run.study_file, looked.written.to_yaml(is_whole=True))
        with Ledger(run.ledger) as ledger:
            ledger.append(*(events.noted(note) for note in looked.notes))
        yield study, looked


def _limit(clock: Clock, study: Study, run: Run, looked: Prepared | None) -> Limit | None:
    """The search's time: what is left, without what fine-tuning, test and report will take."""
    if clock.left is None:
        return None
    counts = run.read_json(run.data, DATA) or {}
    train, validation = (sum(counts.get(name, ())) for name in ("train", "validation"))
    grown = (train + validation) / max(1, train)
    speed = costs.speed_of(os.cpu_count() or 1)
    reserve = Reserve(study, clock.left, grown, speed)
    if looked is not None:
        each_model, slowness = looked.seconds.each_model, looked.machine.slowness
        reserve = replace(reserve, each_model=each_model, slowness=slowness)
    return Limit(clock.left, reserve)


def early_end(study: Study, history: History, limit: Limit) -> str | None:
    """Why a search left much of its time; None if it did not."""
    spare = limit.seconds - history.seconds - limit.reserve(history)
    if history.stopped is None or history.stopped["reason"] != "done":
        return None
    if spare < _EARLY * limit.seconds:
        return None
    tried = len(history.searched)
    why = f"all {tried} trials that the study allows have been run"
    if tried < study.budget.trials:
        why = f"its space has no further configurations than these {tried}"
    return (
        f"The search ends {spare / 60:.1f} minutes early: {why}. To use them, raise budget.trials "
        "or widen the space, and fit that study."
    )


def answer_of(run: Run) -> tuple[str, ...]:
    """A run's answer in two lines."""
    return tuple(_of_reports("answer")(run))


def write_report(run: Run) -> Path:
    """Write a run's report, and return the path of its page."""
    page: Path = _of_reports("report")(run)
    return page


def _of_reports(name: str) -> Callable[[Run], Any]:
    """A function of the package that writes reports, which imports this one."""
    for entry in entry_points(group="thawtune.summary", name=name):
        found: Callable[[Run], Any] = entry.load()
        return found
    raise InputError("The report is not installed. Install thawtune again with pip.")
