"""Folders of the machine that made a run have no place in a page that is passed on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

_PART = r"[^\s\\/'\"`:,;<>|()\[\]{}]+"
_POSIX = re.compile(rf"(?<![\w.:/~…\\-])/(?:{_PART}/)+({_PART})/?")
_WINDOWS = re.compile(rf"\b[A-Za-z]:\\(?:{_PART}\\)*({_PART})")


def without_folders(text: str, known: Iterable[str | None] = ()) -> str:
    """The text with every absolute path cut down to its last part, as in …/weights.npz.

    Args:
        text: Any text, such as an error message.
        known: Absolute paths that may stand in it and may have spaces in them.
    """
    for path in known:
        if path is not None and PurePath(path).is_absolute():
            text = text.replace(path, f"…/{PurePath(path).name}")
    return _WINDOWS.sub(r"…/\1", _POSIX.sub(r"…/\1", text))
