"""Notes for whoever runs the process, and muting libraries that write past Python's streams."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_log = logging.getLogger("thawtune")
_notes: list[str] = []


def note(line: str) -> None:
    """Log a line, and keep it for `take_notes`."""
    _log.warning(line)
    _notes.append(line)


def take_notes() -> list[str]:
    """The notes since the last call."""
    taken = _notes.copy()
    _notes.clear()
    return taken


@contextmanager
def muted() -> Iterator[None]:
    """Discard what is written to standard output and error, and warnings.

    Converters write from C++ past Python's streams, so this redirects the descriptors themselves,
    for the whole process: use it in the command line, not in a worker.
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
