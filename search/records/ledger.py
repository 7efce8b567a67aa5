"""The ledger: an append-only file of JSON lines, each on disk before anything depends on it.

A killed process loses nothing that it has appended; only what it has waited for is safe from a
machine that loses its power.
"""

from __future__ import annotations

import errno
import json
import math
import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from search.records.events import VERSION, Event
from spaces.errors import RunStateError
from trainables.cache.folder import sync


class Ledger:
    """A ledger open for appending. Opening it removes an incomplete last line.

    Args:
        path: The file; created if it does not exist.

    Raises:
        RunStateError: If a line other than the last is damaged, or a newer thawtune wrote it.
    """

    def __init__(self, path: Path) -> None:
        is_new = not path.exists()
        whole = 0 if is_new else sum(len(line) for line, _ in _lines(path))
        self._file = path.open("ab", buffering=0)
        self._file.truncate(whole)
        if is_new:
            sync(path.parent)  # or else its name may be lost, with all events
        self._safe, self._unsafe_since = whole, math.inf
        self._failure: OSError | None = None

    def append(self, *events: Event, waits: bool = True) -> None:
        """Write events at the end of the file.

        Args:
            events: In their order.
            waits: Wait until they, and all before them, are on disk. Otherwise `sync` does.

        Raises:
            OSError: If they cannot be written; the file then contains none of them.
        """
        if self._failure is not None:
            raise self._failure
        content = b"".join(map(_line, events))
        end = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            with suppress(OSError):
                self._file.truncate(end)
            raise
        self._unsafe_since = min(self._unsafe_since, time.monotonic())
        if waits:
            self.sync()

    def sync(self) -> None:
        """Wait until all events are on disk.

        Raises:
            OSError: If they cannot be written; the file then ends with the last that are on disk,
                and takes no more.
        """
        if math.isinf(self._unsafe_since):
            return
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            self._failure = error
            with suppress(OSError):
                self._file.truncate(self._safe)
            raise
        self._safe, self._unsafe_since = self._file.seek(0, os.SEEK_END), math.inf

    @property
    def unsafe_seconds(self) -> float:
        """How long the oldest event that may not be on disk has been written; -inf: all are."""
        return time.monotonic() - self._unsafe_since

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _line(event: Event) -> bytes:
    text = json.dumps(_storable(event), allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\n"


def read_ledger(path: Path) -> list[Event]:
    """All complete events of a ledger; the file is not changed.

    Raises:
        RunStateError: If a line other than the last is damaged, or a newer thawtune wrote it.
    """
    return [event for _, event in _lines(path)]


def _lines(path: Path) -> Iterator[tuple[bytes, Event]]:
    """Complete lines and their events; a last line without its newline does not count."""
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                event = json.loads(line)
                name = event["event"]
                version = event.get("version", VERSION)
                is_newer = name == "study_opened" and version > VERSION
                whole = _ADDED.get(name, {}) | _restored(event)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise damaged(path, number, error) from error
            if is_newer:
                raise RunStateError(
                    f"{path} has version {version}, but this thawtune reads versions up to "
                    f"{VERSION}. Upgrade thawtune."
                )
            yield line, whole


def damaged(path: Path | str, line: int, why: object) -> RunStateError:
    """The error that a ledger is damaged."""
    return RunStateError(
        f"{path}, line {line} is damaged ({why}). thawtune only ever appends to a ledger, so "
        "something else has changed it: restore the file from a copy."
    )


_ADDED: dict[str, Event] = {
    "study_opened": {"options": {}},
    "study_changed": {"options": {}},
    "trial_proposed": {"finalist_of": None},
    "attempt_failed": {"too_large": None},
    "trial_started": {
        "attempt": 1,
        "accumulate": 1,
        "damaged": [],
        "hits": 0,
        "misses": 0,
        "precision": "float32",
    },
}
"""Defaults of the fields that older ledgers do not have."""

_NOT_FINITE = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


def _storable(value: Any) -> Any:
    """JSON has neither NaN nor infinity: they are written as {"float": "nan"}."""
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    if isinstance(value, dict):
        return {key: _storable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(item) for item in value]
    return value


def _restored(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"float"} and value["float"] in _NOT_FINITE:
            return _NOT_FINITE[value["float"]]
        return {key: _restored(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_restored(item) for item in value]
    return value
