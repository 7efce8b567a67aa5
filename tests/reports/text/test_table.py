"""Tests for tables as data."""

from __future__ import annotations

import math

import pytest

from reports.text.table import Cell, Column, Table, row


@pytest.mark.parametrize("value", [None, math.nan, math.inf, ""])
def test_a_missing_value_is_a_dash_and_empty_in_the_csv(value) -> None:
    cell = Cell.of(value, "shown")
    assert cell == Cell(None, "–")
    table = Table("t", "", (Column("a", "A"),), (row([cell]),))
    assert table.to_csv() == 'a\n""\n'


def test_cells() -> None:
    assert Cell.of(1234).text == "1,234"
    assert Cell.of(True).text == "True"
    assert Cell.of("x").text == "x"
    assert Cell.of(0.5, "50 %") == Cell(0.5, "50 %")


def test_a_row_must_fit() -> None:
    with pytest.raises(ValueError, match="has 1 cells, must have 2"):
        Table("t", "", (Column("a", "A"), Column("b", "B")), (row([Cell.of(1)]),))


def test_csv_has_the_raw_values() -> None:
    columns = (Column("a", "A"), Column("b", "B", is_number=False))
    table = Table("t", "", columns, (row([Cell.of(0.123456, "0.12"), Cell.of('say "x", y')]),))
    assert table.to_csv() == 'a,b\n0.123456,"say ""x"", y"\n'


def test_csv_has_no_formulas_from_data() -> None:
    columns = (Column("a", "A"), Column("b", "B"))
    table = Table("t", "", columns, (row([Cell.of("=HYPERLINK(1)"), Cell.of(-0.5)]),))
    assert table.to_csv() == "a,b\n'=HYPERLINK(1),-0.5\n"
