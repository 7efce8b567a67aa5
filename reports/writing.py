"""Writing the report of a run: figures, tables, page and Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from reports.document import Document
from reports.figures.picture import save
from reports.markdown import render_markdown
from reports.page import render_page
from reports.run_data import RunData, read_run
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

_OURS = (".png", ".svg", ".jpg", ".csv")


def write_report(run: Run, refresh: int | None = None) -> Path:
    """Write the report of a run anew, finished or not, and return the path of its page.

    Args:
        run: The run.
        refresh: Seconds after which the page loads itself anew while the run is under way.

    Raises:
        RunStateError: If there is no run in the folder, or a file of it cannot be used.
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
    """What the report of a run says."""
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
    """Files of an earlier report that this one does not have."""
    kept = set(names)
    for path in folder.iterdir():
        if path.suffix in _OURS and path.name not in kept:
            path.unlink()
