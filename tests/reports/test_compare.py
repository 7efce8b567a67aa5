"""Several runs on one page: what each found and took, and every setting that differs."""

from __future__ import annotations

import dataclasses
import html.parser

import pytest
from typer.testing import CliRunner

from reports.analysis.answer import results
from reports.analysis.comparisons.verdict import verdict
from reports.compare import compare_runs, unique_names
from reports.data.run_data import read_run
from search.cli import app
from spaces.errors import InputError
from tests.reports.run_shapes import SHAPES, digits


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    return [SHAPES[name](folder / name) for name in ("full", "one_trial", "empty")]


def tables(document):
    return {table.name: table for table in document.tables()}


def test_each_run_is_a_row_of_answers_and_of_costs(runs):
    data = [read_run(run) for run in runs]
    found = tables(compare_runs(data))
    for name in ("answers", "costs"):
        assert [row.cells[0].text for row in found[name].rows] == ["full", "one_trial", "empty"]
    answers = found["answers"]
    for row, run in zip(answers.rows, data, strict=True):
        assert row.cells[1].text == verdict(run).headline
        values = dict(
            zip((c.title for c in answers.columns), (c.text for c in row.cells), strict=True)
        )
        assert all(values[fact.label] == fact.value for fact in results(run))


def test_settings_that_differ_are_a_row_each_and_no_others(runs):
    [one, *_] = [read_run(run) for run in runs]
    other = dataclasses.replace(one, study=digits(seed=5, budget={"trials": 7, "max_epochs": 9}))
    rows = tables(compare_runs([one, other]))["differences"].rows
    shown = {row.cells[0].text: [cell.text for cell in row.cells[1:]] for row in rows}
    assert shown["seed"] == ["0", "5"]
    assert shown["budget.trials"] == ["14", "7"]
    assert all(first != second for first, second in shown.values())
    assert not any(key.startswith(("base.", "space.", "recipes.")) for key in shown)


def test_runs_of_the_same_study_differ_in_nothing(runs):
    data = read_run(runs[0])
    assert "differences" not in tables(compare_runs([data, data]))
    assert unique_names([data, data]) == ["full (1)", "full (2)"]


def test_the_command_writes_a_page_that_parses(runs, tmp_path):
    page = tmp_path / "both.html"
    folders = [str(run.folder) for run in runs[:2]]
    result = CliRunner().invoke(app, ["compare", *folders, "--output", str(page)])
    assert result.exit_code == 0, result.output
    html.parser.HTMLParser().feed(page.read_text(encoding="utf-8"))
    assert "one_trial" in page.read_text(encoding="utf-8")
    assert verdict(read_run(runs[0])).headline.split(":")[0] in " ".join(result.output.split())


def test_one_run_is_no_comparison(runs):
    result = CliRunner().invoke(app, ["compare", str(runs[0].folder)])
    assert isinstance(result.exception, InputError)
    assert "two runs or more" in str(result.exception)
