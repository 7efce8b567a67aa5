"""Pairs of images with nearly the same perceptual hash, found without comparing all with all.

Multi-index hashing: hashes of 64 bits that differ in at most r bits agree in at least one of r + 1
parts. So each part has an index, and only hashes that share a part are compared.

Source: M. Norouzi, A. Punjani, D. Fleet, "Fast Search in Hamming Space with Multi-Index Hashing",
CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

MOST_BITS = 4
"""Bits in which each of the two hashes of near duplicates may differ."""

_BLOCK = 256


def near_pairs(rows: np.ndarray, columns: np.ndarray, most_bits: int = MOST_BITS) -> np.ndarray:
    """Pairs whose hashes by rows and by columns differ in at most `most_bits` bits each.

    Args:
        rows, columns: uint64 (images,); see `perceptual`.

    Returns:
        int64 (pairs, 2), ascending, the smaller position first. Images with the same hash are
        chained, each paired with the next, instead of all with all.
    """
    both = np.stack([rows, columns], axis=1)
    unique, first, group = np.unique(both, axis=0, return_index=True, return_inverse=True)
    found = [_chains(group.ravel())]
    for part in _parts(most_bits + 1):
        for a, b in _close_in_part(unique, part, most_bits):
            found.append(np.stack([first[a], first[b]], axis=1))
    return np.unique(np.sort(np.concatenate(found), axis=1), axis=0)


def _chains(group: np.ndarray) -> np.ndarray:
    order = np.argsort(group, kind="stable")
    same = group[order[1:]] == group[order[:-1]]
    return np.stack([order[:-1][same], order[1:][same]], axis=1)


def _parts(count: int) -> list[np.uint64]:
    """Masks that cut 64 bits into this number of parts of nearly equal length."""
    ends = [round(64 * part / count) for part in range(count + 1)]
    return [np.uint64((1 << end) - (1 << start)) for start, end in pairwise(ends)]


def _close_in_part(
    hashes: np.ndarray, mask: np.uint64, most_bits: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs among the hashes, uint64 (n, 2), that agree in this part of their first column."""
    part = hashes[:, 0] & mask
    order = np.argsort(part, kind="stable")
    starts = np.flatnonzero(np.r_[True, part[order[1:]] != part[order[:-1]]])
    for bucket in np.split(order, starts[1:]):
        # A large bucket is compared block by block, so that memory stays bounded.
        for start in range(0, len(bucket) - 1, _BLOCK):
            block, rest = bucket[start : start + _BLOCK], bucket[start:]
            bits = np.bitwise_count(hashes[block, None, 0] ^ hashes[None, rest, 0])
            a, b = np.nonzero(bits <= most_bits)
            a, b = block[a[b > a]], rest[b[b > a]]
            close = np.bitwise_count(hashes[a, 1] ^ hashes[b, 1]) <= most_bits
            yield a[close], b[close]
