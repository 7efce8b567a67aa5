"""Text from file names and data, made safe for terminals, files and spreadsheets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that a spreadsheet computes: https://owasp.org/www-community/attacks/CSV_Injection"""


def escaped(path: Path | str) -> str:
    r"""A path or file name as text that every file can hold; bytes that are no UTF-8 become `\xff`.

    Python keeps such bytes as lone surrogates, which no encoding can write.
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def escape_bytes(error: UnicodeError) -> tuple[str, int]:
    """A handler for `codecs.register_error`, by which a stream writes text as `escaped` does."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    wrong = error.object[error.start : error.end]
    shown = (
        rf"\x{ord(c) - 0xDC00:02x}" if "\udc80" <= c <= "\udcff" else rf"\u{ord(c):04x}"
        for c in wrong
    )
    return "".join(shown), error.end


def printable(text: str) -> str:
    """Text without control characters, which could affect the terminal or break columns."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def csv_cell(value: T) -> T | str:
    """A value for a CSV file; text that a spreadsheet would compute begins with an apostrophe."""
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return value
