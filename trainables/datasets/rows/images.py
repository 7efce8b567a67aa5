"""Images as networks take them: decoded once, square, 8 bits, and kept by their content."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
import PIL

from spaces.errors import ChangedDataError
from trainables.cache.eviction import LIMIT_VARIABLE, limit
from trainables.cache.folder import address
from trainables.cache.lazy_rows import Rows
from trainables.cache.rows.row_store import RowStore
from trainables.datasets.files.threads import in_threads
from trainables.datasets.manifest.index import Index, content_of
from trainables.datasets.rows.decoded import Decoded
from trainables.datasets.rows.resizing import Square, aspects, resize
from trainables.datasets.sets.restored import CHANGED, refusal
from trainables.process.messages import note

SMALL = 64 * 2**20
"""Bytes up to which decoded images stay in memory where the cache has no room for them."""

_BLOCK = 16 * 2**20
_VERSION = 1
"""Raise it when images are decoded or resized in another way."""


@dataclass(frozen=True)
class Images:
    """Images of one set.

    Attributes:
        pixels: uint8 (images, size, size, 3), RGB; perhaps mapped from the disk, or decoded
            when they are read.
        labels: int32 (images,).
        fingerprint: Changes when any image, their order, the size or the decoder does.
        about: What else is known of each image, by name: "aspects" (width divided by height of the
            whole picture, where the pixels are a part or squashed); "partners" (label of the image
            that it is mixed with) and "shares" (of that other one).
        contents: Digest of what each image was before it was resized, S16 (images,). None: these
            images are found by their place in the set alone.
        treatment: How they were decoded and resized.
    """

    pixels: Rows
    labels: np.ndarray
    fingerprint: str
    about: Mapping[str, np.ndarray] = field(default_factory=dict)
    contents: np.ndarray | None = None
    treatment: str = ""

    def __post_init__(self) -> None:
        if len(self.pixels) != len(self.labels):
            raise ValueError(f"{len(self.pixels)} images have {len(self.labels)} labels")

    @property
    def digests(self) -> np.ndarray:
        """What features of each image are found by, together with `treatment`: S16 (images,)."""
        if self.contents is not None:
            return self.contents
        numbered = (f"{self.fingerprint}/{place}".encode() for place in range(len(self.labels)))
        return np.array([hashlib.blake2b(n, digest_size=16).digest() for n in numbered], "S16")


def load_images(index: Index, positions: np.ndarray, square: Square | int) -> Images:
    """Decode images and resize them to a square, bicubic, whatever their shape.

    Each image is decoded once, into the cache, which every process of the machine maps into memory;
    images that are copies of each other are one. Only a block of them is in memory meanwhile. If
    the cache has no room for them and they are many, they are decoded whenever they are read.

    Args:
        index: The dataset.
        positions: Of the images in it.
        square: What each becomes; a number is the side of one that they are squashed to.

    Raises:
        DataError: If an image cannot be decoded or the cache cannot be written.
        ChangedDataError: If an image is no longer what the index says.
    """
    square = Square(square) if isinstance(square, int) else square
    treatment = f"{square.size}/{square.resize}/{decoder()}"
    contents = _contents(index, positions)
    store = RowStore("images", address(treatment), (square.size, square.size, 3), np.uint8)
    about = {"boundary": "pixels", "images": len(positions), "image_size": square.size}
    pixels = store.get(contents, lambda some: _blocks(index, positions[some], square), about)
    if pixels is None:
        pixels = _without_room(index, positions, square)
    name = address(treatment, hashlib.sha256(contents.tobytes()).hexdigest())
    known = {"aspects": aspects(index, positions)} if square.has_aspects else {}
    return Images(pixels, index.labels[positions], name, known, contents, treatment)


def decoder() -> str:
    """What decodes and resizes: another decoder may give other pixels for the same files."""
    return f"{_VERSION}/{PIL.__version__}"


def _without_room(index: Index, positions: np.ndarray, square: Square) -> Rows:
    size = math.prod((len(positions), square.size, square.size, 3))
    if size < SMALL:
        return np.concatenate(list(_blocks(index, positions, square)))
    note(
        f"The cache has no room for {len(positions):,} images of {square.size} pixels "
        f"({size / 1e9:.1f} GB, of at most {limit() / 1e9:.1f} GB in all): they are decoded anew "
        f"whenever they are used. {LIMIT_VARIABLE} sets the limit."
    )
    return Decoded(index, positions, square)


def _contents(index: Index, positions: np.ndarray) -> np.ndarray:
    """Digest of each image, decoded where it is not known: S16 (positions,)."""
    known = np.zeros(len(index.keys), "S16") if index.contents is None else index.contents
    contents = known[positions]
    unknown = np.flatnonzero(contents == b"")

    def content(place: int) -> bytes:
        return content_of(index.read(int(positions[place])))

    contents[unknown] = list(in_threads(content, unknown.tolist()))
    return contents


def _blocks(index: Index, positions: np.ndarray, square: Square) -> Iterator[np.ndarray]:
    """Decoded images in order, uint8 (rows, size, size, 3), some megabytes at a time."""
    rows = max(1, _BLOCK // (3 * square.size * square.size))

    def decoded(position: int) -> np.ndarray:
        image = index.read(position)
        known = b"" if index.contents is None else bytes(index.contents[position])
        if known and content_of(image).rstrip(b"\0") != known:
            raise ChangedDataError(refusal([index.keys[position]], CHANGED))
        return resize(image, square.size, square.resize)

    for start in range(0, len(positions), rows):
        yield np.stack(list(in_threads(decoded, positions[start : start + rows].tolist())))
