"""The ledger: an append-only file of JSON lines, each on disk before anything depends on it."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from search.records.events import VERSION, Event
from spaces.errors import RunStateError


class Ledger:
    """A ledger open for appending. Opening it removes an incomplete last line.

    Args:
        path: The file; created if it does not exist.

    Raises:
        RunStateError: If a line other than the last is damaged, or a newer thawtune wrote it.
    """

    def __init__(self, path: Path) -> None:
        whole = sum(len(line) for line, _ in _lines(path)) if path.exists() else 0
        self._file = path.open("ab", buffering=0)
        self._file.truncate(whole)

    def append(self, *events: Event) -> None:
        """Write events and wait until they are on disk.

        Raises:
            OSError: If they cannot be written; the file then contains none of them.
        """
        content = b"".join(map(_line, events))
        end = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(content) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(self._file.fileno())
        except OSError:
            with suppress(OSError):
                self._file.truncate(end)
            raise

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
    "trial_started": {"attempt": 1, "accumulate": 1, "damaged": [], "hits": 0, "misses": 0},
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
