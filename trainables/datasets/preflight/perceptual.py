"""Perceptual hashes: those of images that look alike differ in few bits.

Two difference hashes of 64 bits each, from the library imagehash: one compares neighbours in each
row of a 9×8 reduction of the image, the other in each column of an 8×9 one.

Source: N. Krawetz, "Kind of Like That", hackerfactor.com, 2013 (dHash).
"""

from __future__ import annotations

import numpy as np
from PIL import Image

SMALLEST = 32
"""Pixels a side below which an image has too little content for a perceptual hash."""

_REDUCED = 64
"""Pixels a side to which large images are averaged down before both hashes are taken."""


def perceptual_hash(image: np.ndarray) -> tuple[int, int]:
    """The hash by rows and the hash by columns of a uint8 (height, width, 3) image."""
    import imagehash

    grey = Image.fromarray(image).convert("L")
    factor = min(grey.width, grey.height) // _REDUCED
    if factor > 1:
        grey = grey.reduce(factor)
    return _number(imagehash.dhash(grey).hash), _number(imagehash.dhash_vertical(grey).hash)


def _number(bits: np.ndarray) -> int:
    return int.from_bytes(np.packbits(bits.ravel()).tobytes())
