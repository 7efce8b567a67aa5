"""Digests of arrays at memory bandwidth: for damage and identity, not against an adversary."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np

_WORDS = 8192
"""64-bit words in a page."""


def digest(array: np.ndarray) -> str:
    """Digest of an array's bytes, which changes with every flipped byte and every moved page.

    Each page is summed modulo 2^64, every word times an odd number of its own: odd numbers have
    inverses there, so no change of a single word goes unnoticed. The sums are then hashed.

    Args:
        array: C-contiguous; may be a memory map.
    """
    content = array.reshape(-1).view(np.uint8)
    whole = content.size // (8 * _WORDS) * (8 * _WORDS)
    pages = content[:whole].view(np.uint64).reshape(-1, _WORDS)
    hashed = hashlib.sha256(pages @ _odd_numbers())
    hashed.update(content[whole:].tobytes())
    return hashed.hexdigest()


@cache
def _odd_numbers() -> np.ndarray:
    chance = np.random.Generator(np.random.PCG64(0))
    return chance.integers(0, 2**64, _WORDS, np.uint64) | np.uint64(1)
