"""`thawtune validate`, `describe` and `data`: a study before anything is trained."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from search.commands.shared import DataPath, StudyName, console, say
from spaces.errors import DataError, InputError
from trainables.process.gpu import hide_gpus


def validate(study: StudyName) -> None:
    """Check a study and list every problem, without training anything."""
    from search.fitting.photos import study_file
    from search.studies.preflight import progress_bar
    from search.studies.validate import validate as run_validate

    with study_file(study, console) as file, progress_bar(console) as progress:
        checked, missing = run_validate(file, progress)
    console.print(f"{checked.name} is valid: {checked.budget.trials_in_words} trials.")
    if missing is not None:
        console.print(f"Its data was not checked: {missing}")


def describe(
    study: StudyName,
    recipe: Annotated[
        str | None, typer.Option(help="Describe this recipe instead of the base configuration.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show the network, parameters, boundary and cost of a configuration."""
    from search.fitting.photos import study_file
    from search.studies.describe import describe_study, render

    hide_gpus()
    with study_file(study, console) as file:
        description = describe_study(str(file), recipe)
    if as_json:
        print(json.dumps(description, ensure_ascii=False))
    else:
        console.print(render(description))


def data(
    study: StudyName,
    data: DataPath = None,
    contact_sheet: Annotated[
        Path | None, typer.Option(help="Write a picture of random training images to this file.")
    ] = None,
) -> None:
    """Check the images of a study before anything is trained on them (preflight)."""
    from search.fitting.photos import examined
    from search.studies.preflight import write_contact_sheet
    from trainables.datasets.preflight.view import render

    section, found = examined(study, data, console)
    console.print(render(found))
    if contact_sheet is not None:
        write_contact_sheet(section, None, contact_sheet)
    if found.errors:
        raise DataError("\n".join(found.errors))


def schema(
    output: Annotated[
        Path | None,
        typer.Option(help="Write it to this file, and print the line by which editors find it."),
    ] = None,
) -> None:
    """Print the JSON Schema of a study, with which editors complete and check study files."""
    from spaces.studies.json_schema import study_schema, write_schema

    if output is None:
        print(json.dumps(study_schema(), indent=1, ensure_ascii=False))
        return
    try:
        header = write_schema(output)
    except OSError as error:
        raise InputError(f"{output} cannot be written: {error.strerror or error}.") from error
    say(f"Put this line at the top of a study:\n{header}")
