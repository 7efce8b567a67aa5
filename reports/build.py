"""Building the report of a run."""

from __future__ import annotations

from pathlib import Path

from reports.document import Document
from reports.figures.picture import save
from reports.markdown import render_markdown
from reports.page import render_page
from reports.run_data import RunData, read_run
from reports.sections import costs, data_sets, first_screen, method, mistakes, recipes, trials
from search.records.run import Run, write_whole


def build_report(run: Run) -> Path:
    """Write the report of a run anew, finished or not, and return the path of its page.

    Raises:
        RunStateError: If there is no run in the folder, or a file of it cannot be used.
    """
    document = document_of(read_run(run))
    drawings = _write_figures(document, run.report / "figures")
    _write_tables(document, run.report / "tables")
    write_whole(run.report / "report.md", render_markdown(document))
    page = run.report / "index.html"
    write_whole(page, render_page(document, drawings))
    return page


def document_of(data: RunData) -> Document:
    """What the report of a run says."""
    sections = (
        data_sets.section(data),
        trials.section(data),
        recipes.recipes_section(data),
        recipes.learning_section(data),
        mistakes.section(data),
        costs.section(data),
        method.section(data),
    )
    return first_screen.document(data, sections)


def _write_figures(document: Document, folder: Path) -> dict[str, str]:
    folder.mkdir(parents=True, exist_ok=True)
    drawings = {picture.stem: save(picture, folder) for picture in document.pictures()}
    _delete_all_but(folder, {f"{stem}{end}" for stem in drawings for end in (".png", ".svg")})
    return drawings


def _write_tables(document: Document, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tables = {f"{table.name}.csv": table for table in document.tables() if table.rows}
    for name, table in tables.items():
        (folder / name).write_text(table.to_csv(), encoding="utf-8")
    _delete_all_but(folder, set(tables))


def _delete_all_but(folder: Path, names: set[str]) -> None:
    """Files of an earlier report that this one does not have."""
    for path in folder.iterdir():
        if path.suffix in (".png", ".svg", ".csv") and path.name not in names:
            path.unlink()
