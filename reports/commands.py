"""Commands that reports add to `thawtune`, found by the entry-point group `thawtune.commands`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from spaces.errors import InputError

if TYPE_CHECKING:
    from search.records.run import Run

OpenRun = Callable[[str], AbstractContextManager["Run"]]
"""Gives a run by its folder or URL; what a command has written there is kept."""


def add_commands(app: typer.Typer, open_run: OpenRun, console: Console) -> None:
    """Add `thawtune report`.

    Args:
        app: The command line.
        open_run: Opens the run that an argument names.
        console: Where results are printed.
    """

    @app.command()
    def report(
        run: Annotated[str, typer.Argument(metavar="RUN", help="The folder of a run, or its URL.")],
        watch: Annotated[
            float | None,
            typer.Option(
                min=0.5, metavar="SECONDS", help="Check this often, and rewrite until Ctrl-C."
            ),
        ] = None,
    ) -> None:
        """Write the page, its tables and figures; also for a run that is still going."""
        from reports.build import build_report, watch_report

        if watch is not None and "://" in run:
            raise InputError(
                "--watch takes a folder. Without it, the report of a run at a URL is written once."
            )
        with open_run(run) as opened:
            if watch is not None:
                watch_report(
                    opened,
                    watch,
                    lambda text: console.print(text, highlight=False, soft_wrap=True),
                )
                return
            page = opened.shown(build_report(opened))
        console.print(f"report: {page}", highlight=False, soft_wrap=True)
