"""How many images of each class each set has."""

from __future__ import annotations

from reports.result_files import DataSets
from reports.table import Cell, Column, Table, row


def data_table(sets: DataSets) -> Table:
    """Images by class and set, with their sums."""
    columns = (
        Column("class", "class", is_number=False),
        *(Column(name, name) for name in sets.sets),
        Column("all", "all"),
    )
    by_class = zip(sets.classes, *sets.sets.values(), strict=True)
    rows = [
        row([Cell.of(name), *map(Cell.of, counts), Cell.of(sum(counts))])
        for name, *counts in by_class
    ]
    sums = [sum(counts) for counts in sets.sets.values()]
    rows.append(row([Cell.of("all classes"), *map(Cell.of, sums), Cell.of(sum(sums))], "total"))
    caption = "Images by class and set."
    return Table("data", caption, columns, tuple(rows))
