"""Builds the report of a run, once or whenever its files change."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from reports.data.run_data import RunData, read_run
from reports.page.document import Document
from reports.page.html import render_page
from reports.page.markdown import render_markdown
from reports.page.picture import save
from reports.sections import (
    calibration,
    costs,
    data_sets,
    first_screen,
    learning,
    method,
    mistakes,
    models,
    trials,
)
from search.records.run import Run, write_whole
from spaces.errors import RunStateError

_OURS = (".png", ".svg", ".jpg", ".csv")


def write_report(run: Run, refresh: int | None = None) -> Path:
    """Write the report of a run, finished or not, and return the path of its page.

    Args:
        run: The run.
        refresh: Seconds after which the page reloads itself while the run is under way.

    Raises:
        RunStateError: If there is no run in the folder, or one of its files is unusable.
    """
    data = read_run(run)
    document = document_of(data)
    figures = run.report / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    drawings = {picture.stem: save(picture, figures) for picture in document.pictures()}
    photographs = {one.stem: one.encoded() for one in document.photographs()}
    for one in document.photographs():
        write_whole(figures / one.file, photographs[one.stem])
    names = {f"{stem}{end}" for stem in drawings for end in (".png", ".svg")}
    _delete_all_but(figures, names | {one.file for one in document.photographs()})
    _write_tables(document, run.report / "tables")
    write_whole(run.report / "report.md", render_markdown(document))
    page = run.report / "index.html"
    is_over = not data.is_under_way and data.test is not None
    write_whole(page, render_page(document, drawings, photographs, None if is_over else refresh))
    return page


def document_of(data: RunData) -> Document:
    """The report of a run as a document."""
    sections = (
        data_sets.section(data),
        trials.section(data),
        models.section(data),
        learning.section(data),
        mistakes.section(data),
        calibration.section(data),
        costs.section(data),
        method.section(data),
    )
    return first_screen.document(data, sections)


def _write_tables(document: Document, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tables = {f"{table.name}.csv": table for table in document.tables() if table.rows}
    for name, table in tables.items():
        (folder / name).write_text(table.to_csv(), encoding="utf-8")
    _delete_all_but(folder, tables)


def _delete_all_but(folder: Path, names: Iterable[str]) -> None:
    """Delete files of an earlier report that this one does not have."""
    kept = set(names)
    for path in folder.iterdir():
        if path.suffix in _OURS and path.name not in kept:
            path.unlink()


_REFRESH = re.compile(r'<meta http-equiv="refresh"[^>]*>\n?')

State = tuple[tuple[str, int, int], ...]


def build_report(run: Run) -> Path:
    """Write the report of a run, finished or not, and return the path of its page.

    Raises:
        RunStateError: If there is no run in the folder, or one of its files is unusable.
    """
    return write_report(run)


def watch_report(run: Run, seconds: float, say: Callable[[str], None]) -> None:
    """Build the report, and rebuild it whenever a file of the run changes, until Ctrl-C.

    Meanwhile the page of a run under way reloads itself; the page that is left in the end does not.

    Args:
        run: The run.
        seconds: Between two looks at its files.
        say: Receives a line for each report, and for each file that is unusable.

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
    """The files that the report depends on, with their modification times and sizes."""
    files = [path for path in run.folder.iterdir() if path.is_file() and path.name[0] != "."]
    files += run.folder.glob("*/index.json")
    found = []
    for path in files:
        try:
            stat = path.stat()
        except FileNotFoundError:  # replaced since the folder was listed
            continue
        found.append((str(path), stat.st_mtime_ns, stat.st_size))
    return tuple(sorted(found))


def _built(run: Run, refresh: int) -> str:
    """Rebuild; a file that is only half written is reported, and the next change tried."""
    try:
        return f"report: {write_report(run, refresh)}, {time.strftime('%H:%M:%S')}"
    except RunStateError as error:
        return f"not built: {error}"


def _let_rest(page: Path) -> None:
    if page.is_file():
        write_whole(page, _REFRESH.sub("", page.read_text(encoding="utf-8"), count=1))
