"""Images as networks take them: decoded, square, 8 bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import PIL
from PIL import Image

from trainables.cache.folder import address, cache_folder, made_once
from trainables.cache.tensor_file import read_rows, write_rows
from trainables.datasets.files.threads import in_threads
from trainables.datasets.manifest.index import Index

SMALL = 64 * 2**20
"""Bytes under which decoded images stay in memory; above, they are mapped from the cache."""

_BLOCK = 16 * 2**20
_VERSION = 1
"""Raise it when images are decoded or resized in another way."""


@dataclass(frozen=True)
class Images:
    """Images of one set.

    Attributes:
        pixels: uint8 (images, size, size, 3), RGB; perhaps a read-only memory map.
        labels: int32 (images,).
        fingerprint: Changes when the files, their selection, the size or the decoder does.
    """

    pixels: np.ndarray
    labels: np.ndarray
    fingerprint: str

    def __post_init__(self) -> None:
        if len(self.pixels) != len(self.labels):
            raise ValueError(f"{len(self.pixels)} images have {len(self.labels)} labels")


def load_images(index: Index, positions: np.ndarray, size: int) -> Images:
    """Decode images and resize them to `size` pixels square, bicubic, whatever their shape.

    Many images are decoded once, into a file in the cache that every process on the machine maps
    into its memory; while it is written, no more than a block of them is in memory.

    Raises:
        DataError: If an image cannot be decoded or the cache cannot be written.
    """
    name = f"{index.fingerprint}/{_digest(positions)}/{size}/{decoder()}"
    shape = (len(positions), size, size, 3)
    if np.prod(shape, dtype=np.int64) < SMALL:
        blocks = list(_blocks(index, positions, size))
        pixels = np.concatenate(blocks) if blocks else np.empty(shape, np.uint8)
        return Images(pixels, index.labels[positions], name)
    path = made_once(
        cache_folder() / "images" / f"{address(name)}.arrow",
        lambda new: write_rows(new, shape, _blocks(index, positions, size)),
    )
    return Images(read_rows(path), index.labels[positions], name)


def decoder() -> str:
    """What decodes and resizes: another decoder may give other pixels for the same files."""
    return f"{_VERSION}/{PIL.__version__}"


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """Resize a uint8 (height, width, 3) image to (size, size, 3), bicubic."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def _blocks(index: Index, positions: np.ndarray, size: int) -> Iterator[np.ndarray]:
    """Decoded images in order, uint8 (rows, size, size, 3), some megabytes at a time."""
    rows = max(1, _BLOCK // (3 * size * size))

    def decoded(position: int) -> np.ndarray:
        return resize(index.read(position), size)

    for start in range(0, len(positions), rows):
        yield np.stack(list(in_threads(decoded, positions[start : start + rows].tolist())))


def _digest(positions: np.ndarray) -> str:
    import hashlib

    return hashlib.sha256(positions.astype(np.int64).tobytes()).hexdigest()[:16]
