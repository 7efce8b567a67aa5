"""The page of all hyperparameters is what the code says today."""

from __future__ import annotations

from spaces.hyperparameter_page import PAGE, page
from spaces.hyperparameters import FIELDS


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"


def test_every_hyperparameter_has_a_row_with_all_cells():
    rows = [line for line in page().splitlines() if line.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == list(FIELDS)
    cells = [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]
    assert all(len(row) == 5 and all(row) for row in cells)


def test_a_rows_cells_are_those_of_its_field():
    [row] = [line for line in page().splitlines() if line.startswith("| `momentum`")]
    assert row == "| `momentum` | number | 0.9 | optimizer is sgd | Momentum of SGD, 0..1. |"
