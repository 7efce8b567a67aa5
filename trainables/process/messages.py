"""Lines about what the store had to do beside its work, for whoever runs the process."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def muted() -> Iterator[None]:
    """Hold back what is written to standard output and error, and warnings.

    Converters write from C++ past Python's own streams, so the descriptors themselves are turned
    away: for the whole process, which is why this is for the command line and not for a worker.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as written, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for descriptor in (1, 2):
            os.dup2(written.fileno(), descriptor)
        try:
            yield
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, original in zip((1, 2), kept, strict=True):
                os.dup2(original, descriptor)
                os.close(original)
