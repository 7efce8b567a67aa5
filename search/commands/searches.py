"""`thawtune search`: trying the configurations of a study."""

from __future__ import annotations

from typing import Annotated

import typer

from search.commands.shared import Address, DataPath, StudyName, console, say


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
    trials: Annotated[
        int | None, typer.Option(min=1, help="Number of trials, instead of the study's.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0.1, help="Time of the search, instead of the study's.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of split and search, instead of the study's.")
    ] = None,
    cpu: Annotated[
        float | None, typer.Option(min=0.1, help="CPUs per trial, instead of the study's.")
    ] = None,
    concurrent: Annotated[
        int | None, typer.Option(min=1, help="Most trials at once, instead of the study's.")
    ] = None,
    address: Address = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an existing run.")] = False,
) -> None:
    """Search the space of a study."""
    from search.cluster.ray_job import run_folder
    from search.driver.prepare import prepare
    from search.driver.search import search as run_search
    from search.fitting.photos import study_file
    from search.live.live_table import status
    from search.remote.working_copy import run_at
    from search.studies.overrides import overridden
    from search.studies.preflight import progress_bar
    from search.studies.validate import load_checked

    with study_file(study, console) as file, progress_bar(console) as progress:
        checked = load_checked(file, data, skip_bad, progress)
    checked = overridden(checked, seed, cpu, concurrent, minutes)
    target = run_folder(run, checked.name)
    with run_at(target, drives=True, say=say) as folder:
        prepared, to_run = prepare(folder, checked, trials, resume, console)
        history = run_search(prepared, to_run, address, console)
    for name, value in status(to_run, history).items():
        console.print(f"{name}: {value}", highlight=False)
    console.print(f"run: {target}", highlight=False, soft_wrap=True)
