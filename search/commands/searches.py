"""`thawtune search` and `resume`: trying the configurations of a study."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.shared import DataPath, RunFolder, StudyName, console, say

if TYPE_CHECKING:
    from search.driver.options import Options
    from search.driver.prepare import StudySource

Trials = Annotated[
    int | None, typer.Option(min=1, help="Number of trials in all, instead of the study's.")
]
Minutes = Annotated[
    float | None,
    typer.Option(min=0.01, help="Time limit of the whole search, over all its processes."),
]
Cpu = Annotated[float | None, typer.Option(min=0.01, help="CPUs per trial.")]
Gpu = Annotated[float | None, typer.Option(min=0, max=1, help="GPUs per trial, or a share of one.")]
Concurrent = Annotated[int | None, typer.Option(min=1, help="Largest number of trials at a time.")]
SearchAddress = Annotated[
    str | None,
    typer.Option(
        help="Ray cluster to join, or local for a new one on this machine. Default: the one that "
        "the run has used, this job's, or a new one."
    ),
]


def search(
    study: StudyName,
    run: Annotated[
        str | None,
        typer.Option(
            help="Folder or URL of the run. Default: the study's name, in $THAWTUNE_RUNS or runs/."
        ),
    ] = None,
    data: DataPath = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out images that cannot be decoded.")
    ] = False,
    trials: Trials = None,
    minutes: Minutes = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of the search, instead of the study's.")
    ] = None,
    cpu: Cpu = None,
    gpu: Gpu = None,
    concurrent: Concurrent = None,
    address: SearchAddress = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run if there is one already.")
    ] = False,
) -> None:
    """Search the space of a study.

    With --resume the same command can be started again after any ending: it starts the run,
    continues it, or does nothing if it has finished. Options hold until others are given.
    """
    from search.cluster.ray_job import run_folder
    from search.driver.options import Options
    from search.fitting.photos import study_file
    from search.fitting.source import source_of
    from spaces.studies.study_file import StudyFile

    found = source_of(study)
    known = None if found.section is not None else StudyFile(found.path).study
    target = run_folder(run, found.name if known is None else known.name)
    given = Options(
        trials=trials,
        minutes=minutes,
        seed=seed,
        cpu=cpu,
        gpu=gpu,
        concurrent=concurrent,
        data=_absolute(data),
        skip_bad=skip_bad or None,
        address=address,
    )
    _search(target, study_file(study, console), given, resume)


def resume(
    run: RunFolder,
    trials: Trials = None,
    minutes: Minutes = None,
    cpu: Cpu = None,
    gpu: Gpu = None,
    concurrent: Concurrent = None,
    data: DataPath = None,
    address: SearchAddress = None,
) -> None:
    """Continue a search with its own study, data and options, after any ending.

    It does nothing if the search has finished and neither more trials nor more time is given.
    """
    from search.driver.options import Options

    given = Options(
        trials=trials,
        minutes=minutes,
        cpu=cpu,
        gpu=gpu,
        concurrent=concurrent,
        data=_absolute(data),
        address=address,
    )
    _search(run, None, given, resume=True)


def _search(target: str, source: StudySource | None, given: Options, resume: bool) -> None:
    from search.driver.finished import finished_sentence
    from search.driver.prepare import prepared
    from search.driver.ray_for_run import address_of, ray_for
    from search.driver.search import search as run_search
    from search.live.live_table import status
    from search.live.run_status import INTERRUPTED
    from search.remote.working_copy import run_at

    with (
        run_at(target, drives=True, say=say) as folder,
        prepared(folder, source, given, resume, console) as found,
        nullcontext() if found.has_finished else ray_for(folder, address_of(given, found.options)),
        found.begun,
    ):
        study = found.study
        sentence = finished_sentence(folder, study)
        history = run_search(folder, study, console)
    if sentence:
        say(sentence)
    for name, value in status(study, history, INTERRUPTED).items():
        say(f"{name}: {value}")
    say(f"run: {target}")


def _absolute(data: Path | None) -> str | None:
    return None if data is None else str(data.expanduser().absolute())
