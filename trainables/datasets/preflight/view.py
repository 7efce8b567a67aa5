"""The preflight as tables and text for the terminal."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from rich.bar import Bar
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trainables.datasets.preflight.image_sizes import QUANTILES
from trainables.datasets.preflight.perceptual import SMALLEST
from trainables.datasets.preflight.record import Preflight

_BAR = 24
_FILES_SHOWN = 20
_CLASSES_SHOWN = 100
"""Of more classes, half of these are the largest and half the smallest."""


def render(found: Preflight) -> RenderableType:
    """Counts with a histogram, sizes, files that are left out, warnings and errors."""
    parts: list[RenderableType] = [_head(found), _counts(found), _sizes(found)]
    if kinds := _kinds(found):
        parts.append(kinds)
    return Group(*parts, *_left_out(found), *_verdict(found))


def _head(found: Preflight) -> Text:
    used = sum(sum(counts) for counts in found.counts.values())
    text = Text.assemble((found.name, "bold"), f"  {found.format}")
    if found.path:
        text.append(f"  {found.path}", style="dim")
    text.append(f"\n{used:,} images in {len(found.class_names)} classes")
    if used != found.images:
        text.append(f" of {found.images:,} found")
    if found.subset is not None:
        text.append(f" (subset: {found.subset})")
    published = ", ".join(found.published)
    text.append(f"; published sets: {published}" if published else "; split by thawtune")
    if not found.sizes.are_compared:
        text.append(f"\nimages under {SMALLEST} pixels a side are not searched for near duplicates")
    return text


def _counts(found: Preflight) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("class")
    for name in found.counts:
        table.add_column(name, justify="right")
    table.add_column("", width=_BAR)
    rows = list(zip(*found.counts.values(), strict=True))
    sums = np.array([sum(row) for row in rows])
    for label in _shown(sums):
        bar = Bar(sums.max(), 0, sums[label], width=_BAR)
        counts = (f"{count:,}" for count in rows[label])
        table.add_row(Text(found.class_names[label]), *counts, bar)
    left_out = len(rows) - _CLASSES_SHOWN
    if left_out > 0:
        table.add_row(f"and {left_out:,} classes between these in size", style="dim")
    totals = [f"{sum(counts):,}" for counts in found.counts.values()]
    table.add_row("all", *totals, "", style="bold")
    return table


def _shown(sums: np.ndarray) -> list[int]:
    """Labels of the classes in the table, ascending."""
    by_size = np.argsort(-sums, kind="stable")
    half = _CLASSES_SHOWN // 2
    chosen = by_size if len(sums) <= _CLASSES_SHOWN else np.r_[by_size[:half], by_size[-half:]]
    return np.sort(chosen).tolist()


def _sizes(found: Preflight) -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("pixels")
    for quantile in QUANTILES:
        table.add_column(_quantile_name(quantile), justify="right")
    table.add_row("width", *map(str, found.sizes.widths))
    table.add_row("height", *map(str, found.sizes.heights))
    return table


def _kinds(found: Preflight) -> Text:
    sizes = found.sizes
    common = ", ".join(f"{w}×{h} ({count:,})" for w, h, count in sizes.common)
    text = Text(f"{sizes.distinct:,} sizes, most common: {common}" if sizes.distinct > 1 else "")
    for counts in (sizes.formats, sizes.modes):
        if counts:
            text.append("; " if text else "")
            text.append(", ".join(f"{name} ({count:,})" for name, count in counts.items()))
    return text


def _quantile_name(quantile: float) -> str:
    return {0.0: "min", 0.5: "median", 1.0: "max"}.get(quantile, f"{quantile:.0%}")


def _left_out(found: Preflight) -> Iterator[Text]:
    if not found.ignored:
        return
    count = len(found.ignored)
    files = "1 other file is" if count == 1 else f"{count:,} other files are"
    text = Text(f"{files} not used", style="dim")
    for finding in found.ignored[:_FILES_SHOWN]:
        text.append(f"\n  {finding.name} {finding.reason}")
    if len(found.ignored) > _FILES_SHOWN:
        text.append(f"\n  and {len(found.ignored) - _FILES_SHOWN:,} more")
    yield text


def _verdict(found: Preflight) -> Iterator[Text]:
    for warning in found.warnings:
        yield Text.assemble(("warning  ", "yellow"), warning)
    for error in found.errors:
        yield Text.assemble(("error  ", "red"), error)
    if not found.errors and not found.warnings:
        yield Text("no problems found", style="green")
