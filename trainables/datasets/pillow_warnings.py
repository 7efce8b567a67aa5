"""Keeping Pillow's warnings from the terminal.

Pillow warns of oddities that it gets over, such as damaged EXIF notes, without naming the file.
What it does not get over is an exception, and is reported with the file's name.
"""

from __future__ import annotations

import warnings
from threading import Lock
from types import TracebackType


class PillowWarningsIgnored:
    """A context that may be entered by many threads at once.

    Filters of warnings belong to the process: if each thread set and restored them by itself, one
    would restore what another had set. So the first to enter sets, and the last to leave restores.
    """

    _lock = Lock()
    _inside = 0
    _filters: warnings.catch_warnings[None]

    def __enter__(self) -> None:
        kind = type(self)
        with kind._lock:
            if not kind._inside:
                kind._filters = warnings.catch_warnings()
                kind._filters.__enter__()
                warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
            kind._inside += 1

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        kind = type(self)
        with kind._lock:
            kind._inside -= 1
            if not kind._inside:
                kind._filters.__exit__(exc_type, exc, traceback)
