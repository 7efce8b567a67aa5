"""The plan for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.table import Table

from search.records.sizes import size_in_words


def render_plan(plan: Mapping[str, Any]) -> Table:
    """A plan's rows.

    Args:
        plan: As `Plan.to_dict` writes it.
    """
    images = plan["images"]
    known = "number of images not known" if images is None else f"{images:,} images"
    table = Table(title=f"features to keep ({known})")
    for heading in ("backbone", "pixels", "thawed", "boundary", "shape"):
        table.add_column(heading)
    for heading in ("size", "to make", "saves"):
        table.add_column(heading, justify="right")
    table.add_column("kept")
    for row in plan["rows"]:
        table.add_row(
            row["backbone"],
            str(row["image_size"]),
            ", ".join(row["depths"]),
            row["boundary"],
            "×".join(map(str, row["shape"])),
            "?" if row["bytes"] is None else size_in_words(row["bytes"]),
            _seconds(row["make_seconds"]),
            _seconds(row["saved_seconds"]),
            "yes" if row["kept"] else f"no: {row['reason']}",
        )
    return table


def _seconds(value: float | None) -> str:
    return "?" if value is None else f"{value:,.1f} s"
