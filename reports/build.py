"""Building the report of a run, once or again whenever the run has gone on."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

from reports.writing import write_report
from search.records.run import Run, write_whole
from spaces.errors import RunStateError

_REFRESH = re.compile(r'<meta http-equiv="refresh"[^>]*>\n?')

State = tuple[tuple[str, int, int], ...]


def build_report(run: Run) -> Path:
    """Write the report of a run anew, finished or not, and return the path of its page.

    Raises:
        RunStateError: If there is no run in the folder, or a file of it cannot be used.
    """
    return write_report(run)


def watch_report(run: Run, seconds: float, say: Callable[[str], None]) -> None:
    """Build the report, and again whenever a file of the run has changed, until Ctrl-C.

    While it goes on, the page of a run under way loads itself anew; the page that is left behind
    does not.

    Args:
        run: The run.
        seconds: From one look at its files to the next.
        say: Told of each report, and of what was wrong with a file.

    Raises:
        RunStateError: If there is no run in the folder, or the first report cannot be built.
    """
    refresh = max(2, round(seconds))
    try:
        seen = state(run)
        say(f"report: {write_report(run, refresh)}; Ctrl-C ends watching")
        while True:
            time.sleep(seconds)
            now = state(run)
            if now != seen:
                seen = now
                say(_built(run, refresh))
    except KeyboardInterrupt:
        _let_rest(run.report / "index.html")


def state(run: Run) -> State:
    """What the report depends on: the run's own files and index files, by time and size."""
    files = [path for path in run.folder.iterdir() if path.is_file() and path.name[0] != "."]
    files += run.folder.glob("*/index.json")
    found = []
    for path in files:
        try:
            stat = path.stat()
        except FileNotFoundError:  # replaced by a newer one since the folder was listed
            continue
        found.append((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(sorted(found))


def _built(run: Run, refresh: int) -> str:
    """A file may be half of what it will be: that is said, and the next change tried."""
    try:
        return f"report: {write_report(run, refresh)}, {time.strftime('%H:%M:%S')}"
    except RunStateError as error:
        return f"not built: {error}"


def _let_rest(page: Path) -> None:
    if page.is_file():
        write_whole(page, _REFRESH.sub("", page.read_text(encoding="utf-8"), count=1))
