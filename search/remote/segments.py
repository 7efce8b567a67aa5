"""The ledger at a URL: numbered segments of a few events each, merged now and then.

Objects cannot be appended to. Segment `ledger/000000007.jsonl` is the eighth, and is only ever
created: of two drivers that both believe the run is theirs, one succeeds in writing the next
segment, and the other learns that it is no longer the driver. So there is one order of events,
whatever happens to clocks and claims. `ledger/000000000-000000099.jsonl` holds a hundred segments
that have been merged; anybody may merge them, since they never change.

The first line of a segment names the driver that wrote it, and where its events begin.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass

from search.remote.claim import Claim, ClaimLostError
from spaces.errors import RunStateError
from trainables.cache.object_storage import Storage

LEDGER = "ledger"
"""Folder of the segments at the URL."""

_NAME = re.compile(rf"{LEDGER}/(\d+)(?:-(\d+))?\.jsonl")
_LOOKS = 5


@dataclass(frozen=True, order=True)
class Position:
    """A place in the ledger between two segments: how many there are before it, in bytes, too."""

    segments: int = 0
    bytes: int = 0


@dataclass(frozen=True)
class _Object:
    """An object that holds some segments.

    Attributes:
        first: Number of the first one.
        last: Number of the last one.
    """

    first: int
    last: int

    @property
    def name(self) -> str:
        merged = "" if self.first == self.last else f"-{self.last:09d}"
        return f"{LEDGER}/{self.first:09d}{merged}.jsonl"


def read_since(storage: Storage, at: Position) -> tuple[bytes, Position]:
    """The events after a position, and the position after them.

    Raises:
        RunStateError: If segments are missing.
        OSError: If the storage cannot be read.
    """
    for _ in range(_LOOKS):
        found = _covering(storage.names(LEDGER), at.segments)
        if found is not None:
            try:
                contents = storage.read_all(one.name for one in found)
            except FileNotFoundError:
                continue  # merged since the list was made
            events = bytearray()
            for content in contents:
                events += _events(content, at.bytes + len(events))
            end = found[-1].last + 1 if found else at.segments
            return bytes(events), Position(end, at.bytes + len(events))
        time.sleep(1)  # the list may have been made while segments were merged
    raise RunStateError(
        f"The ledger in {storage.url} is damaged: segments are missing after {at.segments}. "
        "thawtune only deletes those that it has merged, so something else has deleted them: "
        "restore them from a copy."
    )


def identity(storage: Storage) -> str | None:
    """The token of the driver that began the run; None: there is no run."""
    while found := _covering(storage.names(LEDGER), 0):
        try:
            return str(_header(storage.read(found[0].name))["driver"])
        except FileNotFoundError:
            continue  # merged since the list was made
    return None


def append(storage: Storage, claim: Claim, at: Position, events: bytes) -> Position:
    """Write the next segment.

    Args:
        storage: The run's storage.
        claim: The claim under which it is written.
        at: The end of the ledger.
        events: Whole lines.

    Returns:
        The new end.

    Raises:
        ClaimLostError: If another driver has written it.
        OSError: If the storage cannot be written to.
    """
    claim.check()
    segment = _Object(at.segments, at.segments)
    if not storage.create(segment.name, _with_header(claim.token, at.bytes, events)):
        there = storage.read(segment.name)
        if _header(there)["driver"] != claim.token:
            claim.check()
            raise ClaimLostError(
                f"The run in {storage.url} has just been continued by another process. Try again."
            )
        events = _events(there, at.bytes)  # an earlier attempt, whose answer was lost
    return Position(at.segments + 1, at.bytes + len(events))


def merge(storage: Storage, token: str, start: Position, end: Position, events: bytes) -> None:
    """Replace all segments between two positions by one object.

    Args:
        storage: The run's storage.
        token: Token of the driver that wrote the first of them.
        start: Their beginning.
        end: Their end.
        events: What they contain.

    Raises:
        OSError: If the storage cannot be written to.
    """
    merged = _Object(start.segments, end.segments - 1)
    within = [
        found.name
        for found in _objects(storage.names(LEDGER))
        if merged.first <= found.first and found.last <= merged.last and found != merged
    ]
    if len(within) > 1 and storage.create(merged.name, _with_header(token, start.bytes, events)):
        storage.delete(within)


def _objects(names: Iterable[str]) -> list[_Object]:
    matches = filter(None, map(_NAME.fullmatch, names))
    return [_Object(int(match[1]), int(match[2] or match[1])) for match in matches]


def _covering(names: Iterable[str], first: int) -> list[_Object] | None:
    """The fewest objects that hold all segments from a number on; None: some are missing."""
    chosen = []
    for found in sorted(_objects(names), key=lambda o: (o.first, -o.last)):
        if found.last < first:
            continue
        if found.first > first:
            return None
        chosen.append(found)
        first = found.last + 1
    return chosen


def _with_header(token: str, offset: int, events: bytes) -> bytes:
    return json.dumps({"driver": token, "first": offset}).encode() + b"\n" + events


def _header(content: bytes) -> dict[str, object]:
    header: dict[str, object] = json.loads(content.partition(b"\n")[0])
    return header


def _events(content: bytes, offset: int) -> bytes:
    """The events of an object that come after an offset in the whole ledger."""
    first = int(str(_header(content)["first"]))
    return content.partition(b"\n")[2][max(0, offset - first) :]
