"""Inspections that are kept: a dataset that has grown costs only the images that are new."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import PIL

from spaces.errors import DataError
from trainables.cache.folder import address, cache_folder, renewing, replace
from trainables.datasets.files.threads import Progress
from trainables.datasets.manifest.index import Index
from trainables.datasets.preflight.inspection import Inspection, look_at, mislabellings_of

_VERSION = 3
"""Raise it when anything in an inspection is determined in another way."""


def inspect(
    index: Index,
    max_pixels: int,
    progress: Progress | None = None,
    positions: np.ndarray | None = None,
) -> Inspection:
    """Inspect images, or read what earlier inspections found.

    Images are known by the digests of their files, or by their places in a dataset that has none.
    Images that cannot be decoded are tried again each time: what is missing may be installed by
    then.

    Args:
        index: The images.
        max_pixels: Larger images count as problems and are not decoded.
        progress: Called with the number of steps done and their total, for headers and pixels.
        positions: Of the images to inspect; None: all.

    Raises:
        DataError: If the cache cannot be written.
    """
    if index.digests is None:
        numbered = tuple(map(str, range(len(index.keys))))
        index = dataclasses.replace(index, place=index.fingerprint, digests=numbered)
    if positions is not None:
        index = index.take(positions)
    name = address(index.place, max_pixels, _VERSION, PIL.__version__)
    path = cache_folder() / "inspections" / f"{name}.parquet"
    with renewing(path):
        digests, known = _read(path)
        return _completed(path, digests, known, index, max_pixels, progress)


def _completed(
    path: Path,
    digests: np.ndarray,
    known: Inspection | None,
    index: Index,
    max_pixels: int,
    progress: Progress | None,
) -> Inspection:
    """What is known of the images, and what is found of those that are new, which is kept."""
    wanted = np.array(index.digests)
    _, first = np.unique(wanted, return_index=True)
    new = np.sort(first[~np.isin(wanted[first], digests) & (wanted[first] != "")])
    unread = np.flatnonzero(wanted == "")
    looked = np.concatenate([new, unread]).astype(np.int64)
    whole = known
    if len(looked):
        found = look_at(index.take(looked), max_pixels, progress)
        whole = found if known is None else known.joined(found)
        sound = found.sound
        sound = sound[sound < len(new)]
        if len(sound):
            fresh = found.take(sound)
            kept = fresh if known is None else known.joined(fresh)
            _write(path, np.concatenate([digests, wanted[new[sound]]]), kept)
    elif progress is not None:
        progress(len(wanted), len(wanted))
    if whole is None:
        raise ValueError("an index without images cannot be inspected")
    places = {digest: row for row, digest in enumerate([*digests, *wanted[new]])}
    rows = np.array([places.get(digest, -1) for digest in wanted.tolist()], np.int64)
    rows[unread] = len(digests) + len(new) + np.arange(len(unread))
    taken = whole.take(rows)
    return dataclasses.replace(taken, mislabellings=mislabellings_of(index, taken.formats))


def _write(path: Path, digests: np.ndarray, inspection: Inspection) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"digest": digests.tolist()} | vars(inspection))
    replace(path, lambda new: pq.write_table(table, new))


def _read(path: Path) -> tuple[np.ndarray, Inspection | None]:
    """Digests and inspections of the images that are known; none if there are none.

    Raises:
        DataError: If the file is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.exists():
        return np.empty(0, "U1"), None
    try:
        table = pq.read_table(path)
        columns: dict[str, Any] = {
            name: table[name].to_numpy()
            if name in Inspection.arrays()
            else tuple(table[name].to_pylist())
            for name in table.column_names
        }
        return np.array(columns.pop("digest")), Inspection(**columns)
    except (OSError, ValueError, pa.ArrowException, KeyError, TypeError) as error:
        raise DataError(f"{path} in the cache is damaged ({error}): delete it.") from error
