"""`thawtune cache`: list what the cache holds, and clear it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Group
from rich.filesize import decimal
from rich.table import Table

from spaces.errors import InputError
from trainables.cache import eviction
from trainables.cache.eviction import KINDS, Kind, StoredEntry
from trainables.cache.folder import cache_folder, remove

_DAY = 86400


@dataclass(frozen=True)
class Cleared:
    """The result of clearing the cache.

    Attributes:
        entries: Number of entries removed.
        bytes: Their size.
        in_use: Number of entries that were not removed because living processes read them.
    """

    entries: int
    bytes: int
    in_use: int

    def __str__(self) -> str:
        kept = f"; kept {_counted(self.in_use)} in use" if self.in_use else ""
        return f"removed {_counted(self.entries)}, {decimal(self.bytes)}{kept}"


def chosen(kind: str | None, older_than: float | None) -> list[StoredEntry]:
    """Entries of one kind that have not been used for a number of days.

    Args:
        kind: One of `KINDS`; None: all.
        older_than: Days; None: 0.

    Raises:
        InputError: If there is no such kind.
    """
    latest = time.time() - _DAY * (older_than or 0)
    return [entry for entry in eviction.entries(_kinds(kind)) if entry.last_used <= latest]


def clear(entries: list[StoredEntry]) -> Cleared:
    """Remove entries, except those that a living process reads or writes."""
    gone = [entry for entry in entries if eviction.delete(entry)]
    eviction.sweep()
    _forget_plans()
    return Cleared(len(gone), sum(entry.bytes for entry in gone), len(entries) - len(gone))


def render(entries: list[StoredEntry]) -> Group:
    """The entries for a terminal, with their total and the limit."""
    table = Table(title=str(cache_folder()), title_justify="left")
    for heading in ("kind", "what", "boundary", "images"):
        table.add_column(heading, overflow="fold")
    for heading in ("size", "last used"):
        table.add_column(heading, justify="right")
    table.add_column("in use")
    for entry in entries:
        table.add_row(
            entry.kind,
            _what(entry),
            str(entry.about.get("boundary") or ""),
            _images(entry),
            decimal(entry.bytes),
            time.strftime("%Y-%m-%d %H:%M", time.localtime(entry.last_used)),
            "yes" if entry.in_use else "",
        )
    total = (
        f"{_counted(len(entries))}, {decimal(eviction.used())} of at most "
        f"{decimal(eviction.limit())} ({eviction.LIMIT_VARIABLE})"
    )
    return Group(table, total)


def _what(entry: StoredEntry) -> str:
    if not entry.about:
        return entry.path.stem[:12]
    preprocessing = entry.about.get("preprocessing")
    own = "" if preprocessing in (None, "backbone") else f", {preprocessing}"
    cut_off = entry.about.get("truncation_layer")
    backbone = entry.about.get("backbone") or entry.path.name[:12]
    return (
        f"{backbone}{f' to {cut_off}' if cut_off else ''} {entry.about.get('weights') or ''}{own}"
    )


def _images(entry: StoredEntry) -> str:
    about = entry.about
    return f"{about['images']} at {about['image_size']}" if "images" in about else ""


def _counted(number: int) -> str:
    return f"{number} {'entry' if number == 1 else 'entries'}"


def _kinds(kind: str | None) -> tuple[Kind, ...]:
    found = tuple(known for known in KINDS if kind in (None, known))
    if not found:
        raise InputError(f"The cache has no kind {kind!r}. Give one of {', '.join(KINDS)}.")
    return found


def _forget_plans() -> None:
    """Remove plans: they hold rates of this machine, which can be measured again."""
    folder: Path = cache_folder() / "plans"
    for path in folder.glob("*.json") if folder.is_dir() else ():
        remove(path)
