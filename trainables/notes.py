"""Lines about what the store had to do beside its work, for whoever runs the process."""

from __future__ import annotations

import logging

_log = logging.getLogger("thawtune")
_untold: list[str] = []


def note(line: str) -> None:
    """Log a line, and keep it for `take_notes`."""
    _log.warning(line)
    _untold.append(line)


def take_notes() -> list[str]:
    """The lines since the last call."""
    taken = _untold.copy()
    _untold.clear()
    return taken
