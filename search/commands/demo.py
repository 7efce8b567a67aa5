"""`thawtune demo`: the whole path on a dataset that is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from search.commands.searches import search
from search.commands.winner import evaluate, finetune
from spaces.errors import InputError


def demo(
    context: typer.Context,
    run: Annotated[Path | None, typer.Option(help="Folder of the run.")] = None,
) -> None:
    """Search, fine-tune, evaluate and report on scikit-learn's digits."""
    folder = str(run or _unused(Path("runs/demo")))
    search("digits", run=folder)
    finetune(folder)
    evaluate(folder)
    _installed(context, "report")(folder)


def _installed(context: typer.Context, name: str) -> Callable[..., None]:
    """The function behind a command that another package adds."""
    group = context.parent.command if context.parent else None
    command = getattr(group, "commands", {}).get(name)
    if command is None or command.callback is None:
        raise InputError(f"The command {name} is not installed. Install thawtune again with pip.")
    callback: Callable[..., None] = command.callback
    return callback


def _unused(path: Path) -> Path:
    """The path, or the first of path-2, path-3, … that does not exist."""
    number = 2
    candidate = path
    while candidate.exists():
        candidate, number = path.with_name(f"{path.name}-{number}"), number + 1
    return candidate
