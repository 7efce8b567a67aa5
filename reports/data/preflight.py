"""The preflight: what was found in the data before training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.data.result_files import DataSets
from reports.text import formats
from reports.text.table import Cell, Column, Table, row


@dataclass(frozen=True)
class Finding:
    """One check: how often it found something, and up to three examples."""

    what: str
    count: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Preflight:
    """The findings of data.json.

    Attributes:
        findings: All checks, whether they found something or not.
        leaks: Groups of equal images in more than one set.
        errors, warnings: Sentences.
        quantiles: Levels at which `widths` and `heights` are given, in pixels.
        distinct: Number of different sizes.
    """

    findings: tuple[Finding, ...]
    leaks: int
    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    quantiles: tuple[float, ...] = ()
    widths: tuple[int, ...] = ()
    heights: tuple[int, ...] = ()
    distinct: int = 0

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Preflight | None:
        """Read data.json; None if it has only counts."""
        if "duplicates" not in values:
            return None
        leaks = [g for g in values["duplicates"] if len(set(g["sets"])) > 1]
        sizes = values.get("sizes") or {}
        return cls(
            findings=(
                _files("images that cannot be decoded", values.get("unreadable")),
                _files("images whose name does not match their content", values.get("mislabelled")),
                _files("files that are not images", values.get("ignored")),
                _names("classes without an image", values.get("empty_classes")),
                _groups("groups of equal images in more than one set (leaks)", leaks),
                _groups("groups of equal images", values["duplicates"]),
                _groups("groups of images that look alike", values.get("near_duplicates")),
            ),
            leaks=len(leaks),
            errors=tuple(map(str, values.get("errors") or ())),
            warnings=tuple(map(str, values.get("warnings") or ())),
            quantiles=tuple(sizes.get("quantiles") or ()),
            widths=tuple(sizes.get("widths") or ()),
            heights=tuple(sizes.get("heights") or ()),
            distinct=int(sizes.get("distinct") or 0),
        )


def findings_table(found: Preflight) -> Table:
    """All checks, and how often each found something."""
    columns = (
        Column("what", "check", is_number=False),
        Column("count", "found"),
        Column("examples", "for example", is_number=False),
    )
    rows = [
        row([Cell.of(one.what), Cell.of(one.count), Cell.of("; ".join(one.examples))])
        for one in found.findings
    ]
    caption = "What the preflight checked before training."
    return Table("preflight", caption, columns, tuple(rows))


def sizes_table(found: Preflight) -> Table | None:
    """Widths and heights; None if all images have the same size."""
    if found.distinct < 2:
        return None
    columns = (
        Column("side", "pixels", is_number=False),
        *(Column(f"q{100 * q:g}", _quantile(q)) for q in found.quantiles),
    )
    sides = (("width", found.widths), ("height", found.heights))
    rows = [row([Cell.of(name), *map(Cell.of, values)]) for name, values in sides]
    caption = f"Sizes of the upright images; {found.distinct:,} are different."
    return Table("sizes", caption, columns, tuple(rows))


def _quantile(share: float) -> str:
    names = {0.0: "smallest", 0.5: "median", 1.0: "largest"}
    return names.get(share, f"{100 * share:g}{formats.SPACE}% below")


def _files(what: str, found: Sequence[Sequence[str]] | None) -> Finding:
    return Finding(what, len(found or ()), tuple(": ".join(pair) for pair in (found or ())[:3]))


def _names(what: str, found: Sequence[str] | None) -> Finding:
    return Finding(what, len(found or ()), tuple(map(str, (found or ())[:3])))


def _groups(what: str, found: Sequence[dict[str, Any]] | None) -> Finding:
    examples = tuple(" = ".join(map(str, group["names"][:3])) for group in (found or ())[:3])
    return Finding(what, len(found or ()), examples)


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
