"""Retries: calls to a storage at a URL, which may be unreachable for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 120.0
"""How long to retry before an error is raised."""

_PAUSE = 1.0


def patiently(call: Callable[[], T]) -> T:
    """The result of a call, retried while it raises errors of the operating system.

    Raises:
        OSError: The last one, after `SECONDS`; a FileNotFoundError at once.
    """
    until = time.monotonic() + SECONDS
    while True:
        try:
            return call()
        except FileNotFoundError:
            raise
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(_PAUSE)
