"""`thawtune cache`: the feature store."""

from __future__ import annotations

from typing import Annotated

import typer

from search.commands.shared import console

cache = typer.Typer(help="List or clear the feature store.")


@cache.callback(invoke_without_command=True)
def _cache(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_cache()


@cache.command("list")
def list_cache() -> None:
    """List the entries of the feature store, the most recently used first."""
    from search.features.cache_command import chosen, render

    console.print(render(chosen(None, None)))


@cache.command("clear")
def clear_cache(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
    older_than: Annotated[
        float | None,
        typer.Option(min=0, metavar="DAYS", help="Only entries not used for this many days."),
    ] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind: features or images.")] = None,
) -> None:
    """Remove entries of the feature store that no running search reads."""
    from search.features.cache_command import chosen, clear

    entries = chosen(kind, older_than)
    if entries and not yes:
        typer.confirm(f"Remove {len(entries)} entries of the feature store?", abort=True)
    console.print(str(clear(entries)))
