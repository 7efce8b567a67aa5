"""`thawtune status`, `list` and `stop`: runs, from their files alone."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.commands.shared import AsJson, RunFolder, console, say
from spaces.errors import InputError, RunStateError

if TYPE_CHECKING:
    from search.live.lock import Holder
    from search.live.run_status import Status
    from search.records.run import Run

PATIENCE = 60.0
"""Seconds that `stop` waits for a process to save and end."""


def status(run: RunFolder, as_json: AsJson = False) -> None:
    """Show how far a run is, and whether a process works on it."""
    from search.live.run_status import status_of
    from search.remote.working_copy import run_at

    with run_at(run) as folder:
        found = status_of(folder)
    if as_json:
        print(json.dumps(found.to_dict(), ensure_ascii=False))
        return
    for name, value in _lines(found).items():
        say(f"{name}: {value}")


def list_runs(
    folder: Annotated[
        str | None,
        typer.Argument(
            metavar="[FOLDER]", help="Folder of runs. Default: $THAWTUNE_RUNS or runs/."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the runs in a folder, with state and best result, the most recent first."""
    from search.live.run_status import status_of

    rows = []
    for run in _runs_in(folder or os.environ.get("THAWTUNE_RUNS") or "runs"):
        try:
            rows.append(status_of(run).to_dict())
        except (RunStateError, InputError) as error:
            rows.append({"run": run.place, "state": "damaged", "error": str(error)})
    rows.sort(key=lambda row: row.get("last_event") or 0.0, reverse=True)
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
    elif not rows:
        say("There is no run here.")
    else:
        console.print(_table(rows))


def stop(run: RunFolder) -> None:
    """Stop the process that works on a run on this machine, with everything saved."""
    from filelock import Timeout

    from search.live.lock import holder
    from search.records.run import Run
    from trainables.cache.locks import file_lock

    if "://" in run:
        raise InputError(
            f"{run} is a URL: the process may be on any machine. Press Ctrl-C there, or end "
            "its job."
        )
    found = Run(Path(run))
    found.study()
    lock = found.folder / ".lock"
    try:
        if lock.is_file():
            file_lock(lock).acquire(blocking=False).lock.release()
        say(f"No process works on {run}.")
    except Timeout:
        _stop(found, holder(found))
    except OSError as error:
        raise RunStateError(f"{lock} cannot be opened: {error.strerror or error}.") from error


def _stop(run: Run, by: Holder | None) -> None:
    import signal

    from search.live.lock import holder

    if by is None:
        raise RunStateError(f"A process has only just begun to work on {run.place}: try again.")
    if not by.is_here:
        raise RunStateError(
            f"The run in {run.place} is driven on another machine: {by}. Stop it there."
        )
    os.kill(by.pid, signal.SIGTERM)
    deadline = time.monotonic() + PATIENCE
    while holder(run) == by and not by.has_gone:
        if time.monotonic() > deadline:
            raise RunStateError(
                f"{by} has not ended within {PATIENCE:.0f} s. It is still saving; a second Ctrl-C "
                f"or kill {by.pid} ends it at once."
            )
        time.sleep(0.1)
    say(f"Stopped {by}. To continue: {run.command('resume')}")


def _runs_in(folder: str) -> list[Run]:
    from search.records.run import Run

    if "://" in folder:
        raise InputError(f"{folder} is a URL: list takes a folder on this machine.")
    place = Path(folder)
    if not place.is_dir():
        raise InputError(f"There is no folder {place}. Give the folder that holds the runs.")
    try:
        inside = [Run(path) for path in sorted(place.iterdir()) if path.is_dir()]
    except OSError as error:
        raise InputError(f"{place} cannot be read: {error.strerror or error}.") from error
    return [run for run in inside if run.ledger.is_file()]


def _lines(found: Status) -> dict[str, str]:
    from search.live.live_table import status as counts

    by = found.holder
    process = (
        f" ({by})" if by is not None and found.state in ("running", "running or killed") else ""
    )
    lines = {"study": found.study.name, "state": found.state + process}
    lines |= counts(found.study, found.history, found.unended)
    if found.history.last_time is not None:
        lines["last event"] = _ago(time.time() - found.history.last_time)
    lines["fine-tuned"] = "yes" if found.is_finetuned else "no"
    lines["test set"] = "opened" if found.is_tested else "sealed"
    lines["run"] = found.run.place
    return lines


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    from search.live.run_status import INTERRUPTED
    from search.records.events import RUNNING

    table = Table(box=None, pad_edge=False)
    for heading in ("run", "state", "trials", "best", "last event"):
        table.add_column(heading, overflow="fold")
    for row in rows:
        if "error" in row:
            table.add_row(row["run"], row["state"], "", row["error"].splitlines()[0], "")
            continue
        ended = sum(n for state, n in row["trials"].items() if state not in (RUNNING, INTERRUPTED))
        best = row["best"]
        table.add_row(
            row["run"],
            row["state"],
            f"{ended} of {row['planned']}",
            "" if best is None else f"{best['metric']} {best['value']:.4f}",
            "" if row["last_event"] is None else _ago(time.time() - row["last_event"]),
        )
    return table


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {unit}{'s' if count > 1 else ''} ago"
    return f"{max(0, round(seconds))} s ago"
