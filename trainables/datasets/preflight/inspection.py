"""Inspecting every image of a dataset: first all headers, which is quick, then all pixels.

The digests keep copies of an image in one set, and the problems say which images to leave out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from trainables.datasets.files.content_types import mislabelling
from trainables.datasets.files.headers import BadImageError, Header, read_header
from trainables.datasets.files.threads import Progress, in_threads
from trainables.datasets.manifest.index import Index, content_of
from trainables.datasets.preflight.perceptual import SMALLEST, perceptual_hash


@dataclass(frozen=True)
class Inspection:
    """What was found, with one value for each image.

    Attributes:
        widths, heights: int32, pixels of the upright image; 0 if it cannot be decoded.
        formats: Format of an encoded image, such as "JPEG"; "" for plain pixels and if unknown.
        modes: Pillow's name for the kind of pixels; "" as for `formats`.
        contents: Digest of the decoded pixels; b"" if there are none.
        rows, columns: uint64, perceptual hashes; 0 if the image is too small for one.
        brightest: uint8, largest number in the decoded image.
        paged: bool, whether the file has several pages, of which the first is used.
        problems: Why the image cannot be decoded; "" if it can.
        mislabellings: What is wrong with its extension; "" if nothing is.
    """

    widths: np.ndarray
    heights: np.ndarray
    formats: tuple[str, ...]
    modes: tuple[str, ...]
    contents: tuple[bytes, ...]
    rows: np.ndarray
    columns: np.ndarray
    brightest: np.ndarray
    paged: np.ndarray
    problems: tuple[str, ...]
    mislabellings: tuple[str, ...]

    @property
    def sound(self) -> np.ndarray:
        """Positions of the images that can be decoded, ascending."""
        return np.array([i for i, problem in enumerate(self.problems) if not problem], np.int64)

    @classmethod
    def arrays(cls) -> frozenset[str]:
        """Names of the fields that are arrays; the others are tuples."""
        return frozenset({"widths", "heights", "rows", "columns", "brightest", "paged"})

    def joined(self, other: Inspection) -> Inspection:
        """The inspection of these images, and then of others."""
        both: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            pair = getattr(self, field.name), getattr(other, field.name)
            both[field.name] = (
                np.concatenate(pair) if field.name in self.arrays() else pair[0] + pair[1]
            )
        return Inspection(**both)

    def take(self, positions: np.ndarray) -> Inspection:
        """The inspection of only these images."""

        def some(values: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(values[position] for position in positions)

        return Inspection(
            self.widths[positions],
            self.heights[positions],
            some(self.formats),
            some(self.modes),
            tuple(self.contents[position] for position in positions),
            self.rows[positions],
            self.columns[positions],
            self.brightest[positions],
            self.paged[positions],
            some(self.problems),
            some(self.mislabellings),
        )


class _Look(NamedTuple):
    """What one decoded image shows, or why it cannot be decoded."""

    width: int = 0
    height: int = 0
    content: bytes = b""
    row_hash: int = 0
    column_hash: int = 0
    brightest: int = 0
    problem: str = ""


def read_headers(
    index: Index, max_pixels: int, progress: Progress | None = None, total: int | None = None
) -> list[Header | str]:
    """Header of each image, or what is wrong with it; decodes nothing.

    Args:
        index: Of a format with encoded images.
        max_pixels: Larger images count as problems.
        progress: Called with the number of steps done and their total.
        total: That total; by default the number of images.
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


def look_at(index: Index, max_pixels: int, progress: Progress | None = None) -> Inspection:
    """Inspect every image.

    Args:
        index: The images.
        max_pixels: Larger images count as problems and are not decoded.
        progress: Called with the number of steps done and their total, for headers and pixels.
    """
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
    hashes = perceptual_hash(image) if min(width, height) >= SMALLEST else (0, 0)
    return _Look(width, height, content_of(image), *hashes, int(image.max(initial=0)))


def _inspection(
    index: Index, headers: Sequence[Header | str], looks: Sequence[_Look]
) -> Inspection:
    known = [header if isinstance(header, Header) else Header("", "", 0, 0) for header in headers]
    return Inspection(
        widths=np.array([look.width for look in looks], np.int32),
        heights=np.array([look.height for look in looks], np.int32),
        formats=tuple(header.format for header in known),
        modes=tuple(header.mode for header in known),
        contents=tuple(look.content for look in looks),
        rows=np.array([look.row_hash for look in looks], np.uint64),
        columns=np.array([look.column_hash for look in looks], np.uint64),
        brightest=np.array([look.brightest for look in looks], np.uint8),
        paged=np.array([header.has_pages for header in known], bool),
        problems=tuple(look.problem for look in looks),
        mislabellings=mislabellings_of(index, [header.format for header in known]),
    )


def mislabellings_of(index: Index, formats: Sequence[str]) -> tuple[str, ...]:
    """What is wrong with the extension of each image of these formats; "" if nothing is."""
    return tuple(
        (mislabelling(key, form) or "") if form and index.in_files else ""
        for key, form in zip(index.keys, formats, strict=True)
    )
