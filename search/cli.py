"""The command line: the list of commands, and errors as a message and an exit code.

Each command imports what it needs when it runs, so that --help is instant.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import AbstractContextManager
from importlib.metadata import entry_points, version
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from search.commands.cache import cache
from search.commands.demo import demo
from search.commands.final_model import export, predict
from search.commands.fit import fit, init
from search.commands.runs import list_runs, status, stop
from search.commands.searches import resume, search
from search.commands.shared import console
from search.commands.studies import data, describe, schema, validate
from search.commands.winner import evaluate, finetune
from spaces.errors import InputError, ThawtuneError, remedy

if TYPE_CHECKING:
    from search.records.run import Run

app = typer.Typer(
    name="thawtune",
    help="Search for the best way to fine-tune a pretrained image classifier.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        console.print(f"thawtune {version('thawtune')}", highlight=False)
        raise typer.Exit


@app.callback()
def _options(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks. Also after a command.")
    ] = False,
    shows_version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", is_eager=True, callback=_print_version
        ),
    ] = False,
) -> None:
    pass


for command in (
    fit,
    init,
    demo,
    validate,
    describe,
    data,
    schema,
    search,
    resume,
    finetune,
    evaluate,
    export,
    predict,
    status,
    stop,
):
    app.command()(command)
app.command("list")(list_runs)
app.add_typer(cache, name="cache")


def _add_commands() -> None:
    """Add the commands of packages that import this one, found by their entry points."""
    for entry in sorted(entry_points(group="thawtune.commands"), key=lambda entry: entry.name):
        entry.load()(app, _open_run, console)


def _open_run(place: str) -> AbstractContextManager[Run]:
    from search.remote.working_copy import run_at

    return run_at(place, reads=("gradcam", "mistakes"), replaces=("report",))


_add_commands()


def main() -> None:
    """Run the command line; errors of the user become a message and an exit code."""
    interrupted: list[int] = []

    def on_interrupt(number: int, _: FrameType | None) -> None:
        interrupted.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, on_interrupt)
    is_debugging = "--debug" in sys.argv
    sys.argv = [argument for argument in sys.argv if argument != "--debug"]
    try:
        app(standalone_mode=True)
    except SystemExit as stop:
        if interrupted and stop.code == 1:  # Typer's "Aborted."
            sys.exit(128 + interrupted[0])
        raise
    except (ThawtuneError, OSError) as error:
        if is_debugging:
            raise
        errors = Console(stderr=True, markup=False, emoji=False)
        errors.print(_in_words(error), style="red", highlight=False, soft_wrap=True)
        sys.exit(getattr(error, "exit_code", InputError.exit_code))


def _in_words(error: ThawtuneError | OSError) -> str:
    """A message as it is, or an error of the operating system that no command has expected."""
    if isinstance(error, ThawtuneError):
        return str(error)
    place = f"{os.fsdecode(error.filename)}: " if error.filename else ""
    return f"{place}{error.strerror or error}. {remedy(error)}; --debug shows where it happened."
