"""What the commands share: the console, and the arguments and options of several of them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

WIDE = 160
"""Columns of a table that no terminal shows: wide enough that no cell of ours is cut."""


def _width() -> int | None:
    return None if sys.stdout.isatty() or "COLUMNS" in os.environ else WIDE


console = Console(highlight=False, markup=False, emoji=False, width=_width())

StudyName = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A study file, a name in spaces/, or PHOTOS: a folder, archive or table of images.",
    ),
]
RunFolder = Annotated[str, typer.Argument(metavar="RUN", help="Folder or URL of a run.")]
DataPath = Annotated[Path | None, typer.Option(help="Folder or archive of the dataset.")]
Address = Annotated[
    str | None,
    typer.Option(
        help="Ray cluster to join. Default: this job's, or else a new one on this machine."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def say(text: str) -> None:
    """Print a line as it is, whatever its length."""
    console.print(text, soft_wrap=True)
