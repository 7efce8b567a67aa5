"""Tables as data: shown text, raw values for sorting, and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from reports.text import formats
from spaces.texts import csv_cell


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: Its header in the CSV.
        title: Its header on the page.
        is_number: Whether it is right-aligned.
        is_hidden: Whether it is in the CSV only.
    """

    name: str
    title: str
    is_number: bool = True
    is_hidden: bool = False


@dataclass(frozen=True)
class Cell:
    """A value and its text; a missing value is shown as a dash and sorted last."""

    value: Any
    text: str

    @classmethod
    def of(cls, value: Any, text: str | None = None) -> Cell:
        """A cell; without a text, the value is formatted."""
        if formats.is_missing(value) or value == "":
            return cls(None, formats.MISSING)
        if text is None:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            text = formats.number(value) if is_number else str(value)
        return cls(value, text)


@dataclass(frozen=True)
class Row:
    """Cells, the first of which names the row; `mark` says why it stands out."""

    cells: tuple[Cell, ...]
    mark: str | None = None


@dataclass(frozen=True)
class Table:
    """A table.

    Attributes:
        name: Name of its CSV file.
        caption: What it shows.
        columns, rows: In the order they are shown.
        is_sortable: Whether a click on a heading sorts it.
        empty: The text to show if there are no rows.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    is_sortable: bool = True
    empty: str = "Nothing to show yet."

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row.cells) != len(self.columns):
                raise ValueError(
                    f"a row of {self.name} has {len(row.cells)} cells, must have "
                    f"{len(self.columns)}"
                )

    def shown(self) -> Table:
        """The table without its hidden columns."""
        kept = [index for index, column in enumerate(self.columns) if not column.is_hidden]
        rows = tuple(Row(tuple(r.cells[i] for i in kept), r.mark) for r in self.rows)
        return replace(self, columns=tuple(self.columns[i] for i in kept), rows=rows)

    def to_csv(self) -> str:
        """The raw values; a missing one is empty."""
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(csv_cell(column.name) for column in self.columns)
        for row in self.rows:
            writer.writerow("" if c.value is None else csv_cell(c.value) for c in row.cells)
        return file.getvalue()


def row(cells: Sequence[Cell], mark: str | None = None) -> Row:
    """A row of these cells."""
    return Row(tuple(cells), mark)
