"""Reading a table of text or numbers: CSV, TSV, JSON, JSON lines or Parquet, as columns."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spaces.errors import DataError

ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json", ".parquet")
"""Endings of the tables that `read_table` reads, in lower case."""

_SEPARATORS = ",;\t|"
_PEEK = 50

Columns = dict[str, list[Any]]
"""Values by column; all lists are equally long."""


def is_table(name: str) -> bool:
    """Whether a file is named like a table."""
    return name.lower().endswith(ENDINGS)


def read_table(path: Path, images: Sequence[str] = ()) -> Columns:
    """The columns of a table. Values of text tables are stripped text.

    A table of text without a header, as lists of images are, has columns called 1, 2, ...

    Args:
        images: Endings of image files, by which a table without a header is told.

    Raises:
        DataError: If it cannot be read as a table.
    """
    ending = path.suffix.lower()
    if ending == ".parquet":
        return _parquet(path)
    text = _text(path)
    if ending in (".jsonl", ".ndjson", ".json"):
        return _json(path, text)
    return _separated(path, text, images)


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.") from error
    wide = raw.startswith((b"\xff\xfe", b"\xfe\xff"))
    for coding in ("utf-16",) if wide else ("utf-8-sig", "cp1252", "latin-1"):
        try:
            return raw.decode(coding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"{path} is not text.")


def _separated(path: Path, text: str, images: Sequence[str]) -> Columns:
    if "\0" in text:
        raise DataError(f"{path} is not a table of text: it has zero bytes.")
    lines = [line for line in text.splitlines()[:_PEEK] if line.strip()]
    if not lines:
        raise DataError(f"{path} is empty, expected a table with a line for each image.")
    try:
        rows = [
            [cell.strip() for cell in row]
            for row in csv.reader(io.StringIO(text, newline=""), **_dialect(lines))
            if any(cell.strip() for cell in row)
        ]
    except csv.Error as error:
        raise DataError(f"{path} cannot be read as a table: {error}.") from error
    if any(cell.lower().endswith(tuple(images)) for cell in rows[0]):
        rows.insert(0, [str(number) for number in range(1, len(rows[0]) + 1)])
    header = _distinct(rows[0])
    for number, row in enumerate(rows[1:], 2):
        if any(row[len(header) :]):
            raise DataError(
                f"{path} has {len(row)} values in row {number}, but its header has "
                f"{len(header)}: {', '.join(header)}."
            )
        row += [""] * (len(header) - len(row))
    return {name: [row[i] for row in rows[1:]] for i, name in enumerate(header)}


def _dialect(lines: Sequence[str]) -> dict[str, Any]:
    """Separator: the one that cuts the first lines into the same number of columns, the most."""
    best, most = " ", 1
    for separator in _SEPARATORS:
        widths = Counter(len(row) for row in csv.reader(lines, delimiter=separator))
        width, count = widths.most_common(1)[0]
        if width > most and count >= 0.9 * len(lines):
            best, most = separator, width
    if most == 1 and not all(len(line.split()) == len(lines[0].split()) for line in lines):
        best = ","  # one column, whose values may have spaces
    return {"delimiter": best, "skipinitialspace": True}


def _distinct(names: Sequence[str]) -> list[str]:
    """Names of columns; those without one, such as the index of pandas, are numbered."""
    found: list[str] = []
    for number, name in enumerate(names, 1):
        known = name or f"Unnamed: {number}"
        found.append(known if known not in found else f"{known} ({number})")
    return found


def _json(path: Path, text: str) -> Columns:
    try:
        if path.suffix.lower() == ".json":
            rows = json.loads(text)
        else:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read as JSON: {error}.") from error
    if isinstance(rows, dict) and rows and all(isinstance(v, str | int) for v in rows.values()):
        return {"image": list(rows), "label": list(rows.values())}
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise DataError(
            f"{path} is no table: expected an object for each image, such as "
            '{"image": "1.jpg", "label": "cat"}.'
        )
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _parquet(path: Path) -> Columns:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        flat = [f.name for f in schema if not pa.types.is_nested(f.type)]
        flat = [name for name in flat if not pa.types.is_binary(schema.field(name).type)]
        columns: Columns = pq.read_table(path, columns=flat).to_pydict()
    except (OSError, ValueError, pa.ArrowException) as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}.") from error
    return columns
