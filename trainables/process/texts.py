"""Texts from outside, made safe to show: names of files, lines for a terminal, cells of a CSV."""

from __future__ import annotations

import os
from pathlib import PurePath

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def name_of(path: str | PurePath) -> str:
    """A path as text that can be written as UTF-8; bytes that are not valid text are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def printable(text: str) -> str:
    """Text without control characters, which could affect the terminal or break columns."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def csv_cell(value: object) -> object:
    """A value as a cell of a CSV file; a text that a spreadsheet would run begins with ``'``.

    Numbers stay numbers. Source: https://owasp.org/www-community/attacks/CSV_Injection.

    Args:
        value: Any value; only texts are changed.
    """
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
