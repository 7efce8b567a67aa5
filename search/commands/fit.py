"""`thawtune fit` and `init`: from photos to a tested model, or to the study that would find it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from search.commands.shared import Address, DataPath, console, say
from spaces.errors import InputError

Photos = Annotated[
    str,
    typer.Argument(
        metavar="PHOTOS",
        help="Folder, archive or table of images, or a file that says how to read them; or a "
        "study, as for search.",
    ),
]
Minutes = Annotated[
    float | None,
    typer.Option(min=0.1, help="Time for everything. Default: 30, or a study's own budget."),
]
Gpu = Annotated[
    bool | None, typer.Option("--gpu/--no-gpu", help="Use GPUs. Default: if there are any.")
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, help="Seed of the split and of all trials. Default: 0, or a study's own."),
]


def fit(
    photos: Photos,
    minutes: Minutes = None,
    run: Annotated[
        str | None,
        typer.Option(
            help="Folder or URL of the run. Default: named after PHOTOS, in $THAWTUNE_RUNS or "
            "runs/."
        ),
    ] = None,
    data: DataPath = None,
    address: Address = None,
    gpu: Gpu = None,
    seed: Seed = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="Show the study, and the time and disk it would take; write nothing."
        ),
    ] = False,
) -> None:
    """Search, fine-tune, evaluate and report: all there is to do with a folder of photos.

    The study is written for these photos, this machine and this time, and kept in the run. It ends
    with the answer in two lines, and the path of the report.
    """
    began = time.monotonic()  # the imports below take seconds
    from search.fitting.fit import fit as run_fit
    from search.fitting.look import Options
    from search.fitting.source import minutes_for, source_of

    source = source_of(photos)
    if data is not None and source.section is not None:
        raise InputError(f"{photos} is where the images are: --data is for a study. Omit it.")
    options = Options(minutes_for(source, minutes), run, address, gpu, seed, data, began)
    if dry_run:
        from search.fitting.look import planned

        plan = planned(source, options, console)
        print(plan.written.to_yaml())
        for line in plan.in_words:
            say(line)
        return
    place, page, lines = run_fit(source, options, console)
    for line in (*lines, f"run: {place}", f"report: {page}"):
        say(line)


def init(
    photos: Photos,
    minutes: Minutes = None,
    output: Annotated[
        Path | None,
        typer.Option(help="The study file, which must not exist. Default: PHOTOS.yaml, here."),
    ] = None,
    address: Address = None,
    gpu: Gpu = None,
    seed: Seed = None,
) -> None:
    """Write the study that fit would run for these photos, with a reason for each choice.

    Edit it, and run it with thawtune fit STUDY, or thawtune search STUDY.
    """
    from search.fitting.look import Options, planned
    from search.fitting.source import minutes_for, source_of

    source = source_of(photos)
    file = output or Path(f"{source.name}.yaml")
    if file.exists():
        raise InputError(f"{file} exists already. Give another file with --output.")
    if not file.parent.is_dir():
        raise InputError(f"{file.parent} is not a folder, so {file.name} cannot be written there.")
    options = Options(minutes_for(source, minutes), None, address, gpu, seed)
    plan = planned(source, options, console)
    file.write_text(plan.written.to_yaml(), encoding="utf-8")
    say(f"study: {file}. Run it with: thawtune fit {file}")
