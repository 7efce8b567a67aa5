"""Inspecting a dataset: every header first, which is quick, then every image decoded.

Splitting needs the digests, so that copies of an image end up in one set, and leaving bad images
out needs the verdicts; both take too long to find out anew each time. So an inspection is kept in
the cache, addressed by the dataset's fingerprint: the first to look pays.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import PIL

from trainables.cache import address, cache_folder, made_once
from trainables.datasets.content_types import mislabelling
from trainables.datasets.headers import BadImageError, Header, read_header
from trainables.datasets.index import Index
from trainables.datasets.inspection import Inspection, read_inspection, write_inspection
from trainables.datasets.perceptual import SMALLEST, perceptual_hash
from trainables.datasets.pool import Progress, in_threads

_WORTH_KEEPING = 1000
"""Images from which on an inspection is kept."""
_VERSION = 1
"""To be raised when anything here is found out in another way."""


class _Look(NamedTuple):
    """What one decoded image shows, or the problem that kept it from being decoded."""

    width: int = 0
    height: int = 0
    content: bytes = b""
    row_hash: int = 0
    column_hash: int = 0
    problem: str = ""


def inspect(index: Index, max_pixels: int, progress: Progress | None = None) -> Inspection:
    """Inspect every image, or read what an earlier inspection found.

    Args:
        max_pixels: Images with more count as problems and are not decoded.
        progress: Told how much is done, headers and decoding together.
    """
    if len(index.keys) < _WORTH_KEEPING:
        return _inspect(index, max_pixels, progress)
    known = address(index.fingerprint, max_pixels, _VERSION, PIL.__version__)
    path = cache_folder() / "inspections" / f"{known}.parquet"
    if path.exists() and progress is not None:
        progress(len(index.keys), len(index.keys))
    made_once(path, lambda new: write_inspection(_inspect(index, max_pixels, progress), new))
    return read_inspection(path)


def read_headers(
    index: Index, max_pixels: int, progress: Progress | None = None, total: int | None = None
) -> list[Header | str]:
    """Header of each image, or what is wrong with it; nothing is decoded.

    Args:
        index: Of a format with encoded images.
        total: What `progress` is told that there is to do; by default this.
    """

    def look(position: int) -> Header | str:
        if index.open is None:
            raise ValueError("plain pixels have no headers")
        try:
            with index.open(position) as file:
                return read_header(file, index.keys[position], max_pixels)
        except BadImageError as error:
            return error.reason

    return list(in_threads(look, range(len(index.keys)), progress, total=total))


def _inspect(index: Index, max_pixels: int, progress: Progress | None) -> Inspection:
    count = len(index.keys)
    headers: list[Header | str] = [Header("", "", 0, 0)] * count
    steps = count if index.open is None else 2 * count
    if index.open is not None:
        headers = read_headers(index, max_pixels, progress, steps)

    def look(position: int) -> _Look:
        header = headers[position]
        return _Look(problem=header) if isinstance(header, str) else _look(index, position)

    looks = in_threads(look, range(count), progress, done=steps - count, total=steps)
    return _inspection(index, headers, list(looks))


def _look(index: Index, position: int) -> _Look:
    try:
        image = index.read(position)
    except BadImageError as error:
        return _Look(problem=error.reason)
    height, width, _ = image.shape
    content = hashlib.blake2b(f"{height} {width} ".encode(), digest_size=16)
    content.update(np.ascontiguousarray(image).data)
    hashes = perceptual_hash(image) if min(width, height) >= SMALLEST else (0, 0)
    return _Look(width, height, content.digest(), *hashes)


def _inspection(
    index: Index, headers: Sequence[Header | str], looks: Sequence[_Look]
) -> Inspection:
    known = [header if isinstance(header, Header) else Header("", "", 0, 0) for header in headers]
    mislabellings = [
        mislabelling(key, header.format) if header.format and index.in_files else None
        for key, header in zip(index.keys, known, strict=True)
    ]
    return Inspection(
        widths=np.array([look.width for look in looks], np.int32),
        heights=np.array([look.height for look in looks], np.int32),
        formats=tuple(header.format for header in known),
        modes=tuple(header.mode for header in known),
        contents=tuple(look.content for look in looks),
        rows=np.array([look.row_hash for look in looks], np.uint64),
        columns=np.array([look.column_hash for look in looks], np.uint64),
        problems=tuple(look.problem for look in looks),
        mislabellings=tuple(text or "" for text in mislabellings),
    )
