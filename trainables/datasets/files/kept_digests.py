"""Digests of files, kept by path, size and times, so that only files that are new are read."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from trainables.cache.folder import address, cache_folder, renewing, replace
from trainables.datasets.files.scanning import digest_of
from trainables.datasets.files.threads import in_threads

_UNSETTLED = 2 * 10**9
"""Nanoseconds within which a file may change again without another time, on coarse clocks."""


class _State(NamedTuple):
    """What changes with a file's content: a program can set the first time, but not the second."""

    size: int
    modified: int
    changed: int


def kept_digests(root: Path, files: Sequence[Path]) -> list[str]:
    """Digest of each file's content; empty if it cannot be read.

    Args:
        root: The dataset's folder or file; digests are kept for each dataset by itself.
        files: Its files.

    Raises:
        DataError: If the cache cannot be written.
    """
    path = cache_folder() / "manifests" / f"{address(root.absolute())}.parquet"
    with renewing(path):
        return _completed(path, files)


def _completed(path: Path, files: Sequence[Path]) -> list[str]:
    """What is kept of the files, and what is read of those that are new, which is kept."""
    known, now = _read(path), time.time_ns()
    names = [os.fsencode(file.absolute()) for file in files]
    states = [_state(file) for file in files]
    found = {
        name: known[name][1]
        for name, state in zip(names, states, strict=True)
        if state is not None and name in known and known[name][0] == state
    }
    new = [place for place, name in enumerate(names) if name not in found]
    digests = in_threads(digest_of, [files[place] for place in new])
    found.update(zip((names[place] for place in new), digests, strict=True))
    if new:
        settled = {
            name: (state, found[name])
            for name, state in zip(names, states, strict=True)
            if state is not None and found[name] and now - max(state[1:]) > _UNSETTLED
        }
        _write(path, known | settled)
    return [found[name] for name in names]


def _state(file: Path) -> _State | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return _State(status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _read(path: Path) -> dict[bytes, tuple[_State, str]]:
    """What is kept; nothing if there is no such file or it cannot be read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        columns = pq.read_table(path).to_pydict()
    except (OSError, ValueError, pa.ArrowException):
        return {}
    states = map(_State, columns["size"], columns["modified"], columns["changed"])
    return dict(zip(columns["path"], zip(states, columns["digest"], strict=True), strict=True))


def _write(path: Path, known: dict[bytes, tuple[_State, str]]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    states, digests = zip(*known.values(), strict=True) if known else ((), ())
    size, modified, changed = zip(*states, strict=True) if states else ((), (), ())
    numbers = {"size": size, "modified": modified, "changed": changed}
    table = pa.table(
        {"path": pa.array(known, pa.binary())}
        | {name: pa.array(values, pa.int64()) for name, values in numbers.items()}
        | {"digest": pa.array(digests, pa.string())}
    )
    replace(path, lambda new: pq.write_table(table, new))
