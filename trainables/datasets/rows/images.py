"""Images as networks take them: decoded, square, 8 bits; kept in memory or in the cache."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import PIL

from trainables.cache.eviction import LIMIT_VARIABLE, limit, make_room
from trainables.cache.folder import address, cache_folder, made_once
from trainables.cache.lazy_rows import Rows
from trainables.cache.tensor_file import read_rows, write_rows
from trainables.datasets.files.threads import in_threads
from trainables.datasets.manifest.index import Index
from trainables.datasets.rows.decoded import Decoded
from trainables.datasets.rows.resizing import Square, aspects, resize
from trainables.process.messages import note

SMALL = 64 * 2**20
"""Bytes up to which decoded images stay in memory; more are mapped from the cache."""

_BLOCK = 16 * 2**20
_VERSION = 1
"""Raise it when images are decoded or resized in another way."""


@dataclass(frozen=True)
class Images:
    """Images of one set.

    Attributes:
        pixels: uint8 (images, size, size, 3), RGB; perhaps a read-only memory map, or decoded when
            they are read.
        labels: int32 (images,).
        fingerprint: Changes when the files, their selection, the size or the decoder does.
        about: What else is known of each image, by name: "aspects" (width divided by height of the
            whole picture, where the pixels are a part or squashed); "partners" (label of the image
            that it is mixed with) and "shares" (of that other one).
    """

    pixels: Rows
    labels: np.ndarray
    fingerprint: str
    about: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if len(self.pixels) != len(self.labels):
            raise ValueError(f"{len(self.pixels)} images have {len(self.labels)} labels")


def load_images(index: Index, positions: np.ndarray, square: Square | int) -> Images:
    """Decode images and resize them to a square, bicubic, whatever their shape.

    Many images are decoded once, into a file in the cache that every process of the machine maps
    into memory; only a block of them is in memory while it is written. If the cache has no room for
    them, they are decoded whenever they are read.

    Args:
        index: The dataset.
        positions: Of the images in it.
        square: What each becomes; a number is the side of one that they are squashed to.

    Raises:
        DataError: If an image cannot be decoded or the cache cannot be written.
    """
    square = Square(square) if isinstance(square, int) else square
    name = f"{index.fingerprint}/{_digest(positions)}/{square.size}/{decoder()}"
    if square.resize != "squash":
        name += f"/{square.resize}"
    shape = (len(positions), square.size, square.size, 3)
    about = {"aspects": aspects(index, positions)} if square.has_aspects else {}
    if np.prod(shape, dtype=np.int64) < SMALL:
        blocks = list(_blocks(index, positions, square))
        pixels = np.concatenate(blocks) if blocks else np.empty(shape, np.uint8)
        return Images(pixels, index.labels[positions], name, about)
    path = cache_folder() / "images" / f"{address(name)}.arrow"
    if not path.exists() and not make_room(math.prod(shape)):
        note(
            f"The cache has no room for {len(positions):,} images of {square.size} pixels "
            f"({math.prod(shape) / 1e9:.1f} GB, of at most {limit() / 1e9:.1f} GB in all): they "
            f"are decoded anew whenever they are used. {LIMIT_VARIABLE} sets the limit."
        )
        return Images(Decoded(index, positions, square), index.labels[positions], name, about)
    made_once(path, lambda new: write_rows(new, shape, _blocks(index, positions, square)))
    return Images(read_rows(path), index.labels[positions], name, about)


def decoder() -> str:
    """What decodes and resizes: another decoder may give other pixels for the same files."""
    return f"{_VERSION}/{PIL.__version__}"


def _blocks(index: Index, positions: np.ndarray, square: Square) -> Iterator[np.ndarray]:
    """Decoded images in order, uint8 (rows, size, size, 3), some megabytes at a time."""
    rows = max(1, _BLOCK // (3 * square.size * square.size))

    def decoded(position: int) -> np.ndarray:
        return resize(index.read(position), square.size, square.resize)

    for start in range(0, len(positions), rows):
        yield np.stack(list(in_threads(decoded, positions[start : start + rows].tolist())))


def _digest(positions: np.ndarray) -> str:
    import hashlib

    return hashlib.sha256(positions.astype(np.int64).tobytes()).hexdigest()[:16]
