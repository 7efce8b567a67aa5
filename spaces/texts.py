"""Texts from outside, made safe to show: names of files, lines for a terminal, cells of a CSV."""

from __future__ import annotations

import os
from pathlib import PurePath

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def name_of(path: str | PurePath) -> str:
    """A path as text that can be written as UTF-8; bytes that are not valid text are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def escape_bytes(error: UnicodeError) -> tuple[str, int]:
    """A handler for `codecs.register_error`, by which a stream writes names as `name_of` does."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_escape, error.object[error.start : error.end])), error.end


def _escape(surrogate: str) -> str:
    number = ord(surrogate)
    is_byte = 0xDC80 <= number <= 0xDCFF
    return rf"\x{number - 0xDC00:02x}" if is_byte else rf"\u{number:04x}"


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
