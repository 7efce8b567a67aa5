"""Simulations: how often each verdict of the report is wrong, and what its intervals cover.

`make simulations` draws runs from known truths, applies the report's own functions to them, and
writes the table of docs/statistics.md.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.reports.simulations import scores
from tests.reports.simulations.configurations import configuration_rows
from tests.reports.simulations.pairs import pair_rows
from tests.reports.simulations.rows import Row, row_of, table
from tests.reports.simulations.verdicts import other_rows, runs_rows

PAGE = Path(__file__).parents[3] / "docs" / "statistics.md"


PARTS: tuple[Callable[[float], Iterator[Row]], ...] = (
    runs_rows,
    configuration_rows,
    other_rows,
    pair_rows,
    lambda scale: (row_of(*values) for values in scores.rows(scale)),
)


def all_rows(scale: float = 1.0) -> list[Row]:
    """Every row of the table.

    Args:
        scale: Repetitions, as a share of those of the published table.
    """
    return [row for part in PARTS for row in part(scale)]


def main() -> int:
    """Write the table; 1 if a row is out of its bound."""
    rows = all_rows()
    before, mark, _ = PAGE.read_text(encoding="utf-8").partition("<!-- table -->\n")
    PAGE.write_text(f"{before}{mark}{table(rows)}", encoding="utf-8")
    broken = [row for row in rows if not row.holds()]
    for row in broken:
        print(f"out of bound: {row}")
    print(f"{len(rows)} rows, {len(broken)} out of bound: {PAGE}")
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
