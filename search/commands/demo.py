"""`thawtune demo`: the whole path on a dataset that is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from search.commands.fit import fit


def demo(
    run: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
) -> None:
    """Search, fine-tune, evaluate and report on scikit-learn's digits: thawtune fit digits."""
    fit("digits", run=str(run or _unused(Path("runs/demo"))))


def _unused(path: Path) -> Path:
    """The path, or the first of path-2, path-3, … that does not exist."""
    number = 2
    candidate = path
    while candidate.exists():
        candidate, number = path.with_name(f"{path.name}-{number}"), number + 1
    return candidate
