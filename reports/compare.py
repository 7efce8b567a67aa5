"""`thawtune compare`: the answers and costs of several runs, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reports.analysis.answer import costs, results
from reports.analysis.comparisons.verdict import Verdict, verdict
from reports.data.run_data import RunData
from reports.page.document import Document, Section, TableBlock, Text
from reports.page.html import render_page
from reports.text.table import Cell, Column, Row, Table, row
from search.records.run import write_whole

_RUN = Column("run", "Run", is_number=False)


def compare_runs(runs: Sequence[RunData]) -> Document:
    """The comparison of several runs as a document.

    Args:
        runs: At least two, in the order in which they are shown.
    """
    names = unique_names(runs)
    same_test = len({_test_images(run) for run in runs}) == 1
    basis = (
        ()
        if same_test
        else (
            "The runs have different test images, so their accuracies do not compare image by "
            "image.",
        )
    )
    sections = (
        Section("answers", "Answers", (TableBlock(_answers(runs, names)),)),
        Section("costs", "Costs", (TableBlock(_costs(runs, names)),)),
        Section("differences", "What differs", _differences(runs, names)),
    )
    return Document(
        title=f"Compared: {', '.join(names)}",
        status=f"{len(runs)} runs",
        verdict=Verdict("Each run's own answer, side by side.", basis),
        warnings=(),
        results=(),
        costs=(),
        settings=(),
        winner=None,
        notes=(),
        picture=None,
        sections=sections,
    )


def write_comparison(document: Document, path: Path) -> None:
    """Write the page.

    Args:
        document: What `compare_runs` returns.
        path: An HTML file, which is replaced.
    """
    write_whole(path, render_page(document, {}))


def unique_names(runs: Sequence[RunData]) -> list[str]:
    """The name of each run's folder, with a number where several have the same."""
    names = [run.name for run in runs]
    return [
        f"{name} ({number})" if names.count(name) > 1 else name
        for number, name in enumerate(names, start=1)
    ]


def _test_images(run: RunData) -> tuple[str, ...] | None:
    tested = next(iter(run.predictions.values()), None)
    return None if tested is None else tuple(tested.images)


def _answers(runs: Sequence[RunData], names: Sequence[str]) -> Table:
    facts = [{fact.label: fact for fact in results(run)} for run in runs]
    labels = list(dict.fromkeys(label for found in facts for label in found))
    columns = [_RUN, Column("answer", "Answer", is_number=False)]
    columns += [Column(label, label, is_number=False) for label in labels]
    rows = [
        row(
            [Cell.of(name), Cell.of(verdict(run).headline)]
            + [Cell.of(found[label].value if label in found else None) for label in labels]
        )
        for run, name, found in zip(runs, names, facts, strict=True)
    ]
    return Table("answers", "What each run found", tuple(columns), tuple(rows), is_sortable=False)


def _costs(runs: Sequence[RunData], names: Sequence[str]) -> Table:
    facts = [costs(run) for run in runs]
    columns = (_RUN, *(Column(fact.label, fact.label) for fact in facts[0]))
    rows = [
        row([Cell.of(name), *(Cell.of(fact.value) for fact in found)])
        for name, found in zip(names, facts, strict=True)
    ]
    return Table("costs", "What each run took", columns, tuple(rows), is_sortable=False)


def _differences(runs: Sequence[RunData], names: Sequence[str]) -> tuple[Text | TableBlock, ...]:
    flat = [_flat(run.study.to_dict()) for run in runs]
    keys = list(dict.fromkeys(key for values in flat for key in values))
    rows: list[Row] = []
    for key in keys:
        shown = [str(values.get(key, "")) for values in flat]
        if len(set(shown)) > 1:
            rows.append(row([Cell.of(key), *(Cell.of(value) for value in shown)]))
    if not rows:
        return (Text("The studies of these runs are the same."),)
    columns = (
        Column("setting", "Setting", is_number=False),
        *(Column(name, name, is_number=False) for name in names),
    )
    caption = "Settings of the studies that are not the same in all runs"
    table = Table("differences", caption, columns, tuple(rows), is_sortable=False)
    return (TableBlock(table),)


def _flat(values: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested values by their path, as in budget.trials."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        path = f"{before}{name}"
        if isinstance(value, Mapping) and value:
            found |= _flat(value, f"{path}.")
        else:
            found[path] = value
    return found
