"""Storages at URLs are away now and then: what failed there is tried again for a while."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 120.0
"""How long a storage may be away before that is an error."""

_PAUSE = 1.0


def patiently(call: Callable[[], T]) -> T:
    """What a call returns, tried again while it raises errors of the storage.

    Raises:
        OSError: The last one, when `SECONDS` have gone; one that says that there is no such file
            at once.
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
