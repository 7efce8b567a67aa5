"""Commands that reports add to `thawtune`, found by the entry-point group `thawtune.commands`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from spaces.errors import InputError

if TYPE_CHECKING:
    from reports.text.table import Table as ReportTable
    from search.records.run import Run

OpenRun = Callable[[str], AbstractContextManager["Run"]]
"""Gives a run by its folder or URL; what a command has written there is kept."""


def add_commands(app: typer.Typer, open_run: OpenRun, console: Console) -> None:
    """Add `thawtune report` and `thawtune compare`.

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

    @app.command()
    def compare(
        runs: Annotated[
            list[str], typer.Argument(metavar="RUN RUN...", help="Folders or URLs of runs.")
        ],
        output: Annotated[
            Path, typer.Option(help="The page to write, replacing it if it exists.")
        ] = Path("comparison.html"),
    ) -> None:
        """Write one page about several runs: their answers and costs, and what differs."""
        from reports.compare import compare_runs, write_comparison
        from reports.data.run_data import read_run

        if len(runs) < 2:
            raise InputError("One run cannot be compared. Give two runs or more.")
        found = []
        for run in runs:
            with open_run(run) as opened:
                found.append(read_run(opened))
        document = compare_runs(found)
        try:
            write_comparison(document, output)
        except OSError as error:
            raise InputError(f"{output} cannot be written: {error.strerror or error}.") from error
        answers, *tables = document.tables()
        for line in answers.rows:
            for column, cell in zip(answers.columns, line.cells, strict=True):
                if cell.value is not None:
                    text = f"{column.title}: {cell.text}"
                    console.print(text, highlight=False, markup=False, soft_wrap=True)
        for table in tables:
            console.print(drawn(table))
        console.print(f"comparison: {output}", highlight=False, soft_wrap=True)


def drawn(table: ReportTable) -> Table:
    """A table of a report for the terminal."""
    shown = Table(title=table.caption)
    for column in table.columns:
        shown.add_column(column.title, justify="right" if column.is_number else "left")
    for line in table.rows:
        shown.add_row(*(Text(cell.text) for cell in line.cells))
    return shown
