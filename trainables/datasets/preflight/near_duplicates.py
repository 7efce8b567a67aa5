"""Pairs of images with nearly the same perceptual hash, found without comparing all with all.

Multi-index hashing: hashes of 64 bits that differ in at most r bits agree in at least one of r + 1
parts. So each part has an index, and only hashes that share a part are compared. As hashes of plain
pictures share most parts, large groups are divided once more by the parts of their second hash.

Source: M. Norouzi, A. Punjani, D. Fleet, "Fast Search in Hamming Space with Multi-Index Hashing",
CVPR 2012.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

MOST_BITS = 4
"""Bits in which each of the two hashes of near duplicates may differ."""

_AT_ONCE = 2**20
"""Comparisons in one step; more new pairs than this are reduced to those that connect hashes."""

_LARGE = 1024
"""Hashes in a group that is divided by the second hash too."""


def near_pairs(rows: np.ndarray, columns: np.ndarray, most_bits: int = MOST_BITS) -> np.ndarray:
    """Pairs whose hashes by rows and by columns differ in at most `most_bits` bits each.

    However many there are, memory grows only with the number of images: of many pairs, those
    remain that connect the same images.

    Args:
        rows, columns: uint64 (images,); see `perceptual`.

    Returns:
        int64 (pairs, 2), ascending, the smaller position first. Images with the same hash are
        chained, each paired with the next, instead of all with all.
    """
    both = np.stack([rows, columns], axis=1)
    unique, first, group = np.unique(both, axis=0, return_index=True, return_inverse=True)
    found = _Connected(len(unique))
    for alike in _groups(unique, most_bits):
        if not found.connects(alike):
            for a, b in _close_in(unique, alike, most_bits):
                found.add(a, b)
    pairs = [_chains(group.ravel()), *(first[close] for close in found.pairs())]
    return np.unique(np.sort(np.concatenate(pairs), axis=1), axis=0)


class _Connected:
    """Pairs that connect hashes; of those held for long, the fewest that connect the same ones.

    Args:
        count: Number of hashes.
    """

    def __init__(self, count: int) -> None:
        self._component = np.arange(count)
        self._settled: list[np.ndarray] = []
        self._new: list[np.ndarray] = []
        self._held = 0

    def connects(self, positions: np.ndarray) -> bool:
        """Whether pairs that were added connect all of these."""
        return bool((self._component[positions] == self._component[positions[0]]).all())

    def add(self, a: np.ndarray, b: np.ndarray) -> None:
        """Add pairs of positions; those that are connected already are left out."""
        apart = self._component[a] != self._component[b]
        self._new.append(np.stack([a[apart], b[apart]], axis=1))
        self._held += int(apart.sum())
        if self._held > _AT_ONCE:
            self._settle()

    def pairs(self) -> list[np.ndarray]:
        """What was added, int64 (pairs, 2) each, or as few as connect the same hashes."""
        return [*self._settled, *self._new]

    def _settle(self) -> None:
        from scipy.sparse import coo_array
        from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

        count = len(self._component)
        pairs = np.concatenate(self._new)
        between = np.sort(self._component[pairs], axis=1)
        _, chosen = np.unique(between[:, 0] * count + between[:, 1], return_index=True)
        # Each edge weighs its number, which says which pairs are left in the tree.
        graph = coo_array((1.0 + np.arange(len(chosen)), between[chosen].T), shape=(count, count))
        tree = minimum_spanning_tree(graph.tocsr())
        self._settled.append(pairs[chosen[tree.data.astype(np.int64) - 1]])
        _, joined = connected_components(tree, directed=False)
        self._component = joined[self._component]
        self._new, self._held = [], 0


def _chains(group: np.ndarray) -> np.ndarray:
    order = np.argsort(group, kind="stable")
    same = group[order[1:]] == group[order[:-1]]
    return np.stack([order[:-1][same], order[1:][same]], axis=1)


def _parts(count: int) -> list[np.uint64]:
    """Masks that deal 64 bits out to this number of parts: a plain edge is many equal bits."""
    return [np.uint64(sum(1 << bit for bit in range(part, 64, count))) for part in range(count)]


def _groups(hashes: np.ndarray, most_bits: int) -> Iterator[np.ndarray]:
    """Positions among the hashes, uint64 (n, 2): those that are close share one of the groups."""
    masks = _parts(most_bits + 1)
    for mask in masks:
        for group in _alike(hashes[:, 0] & mask, np.arange(len(hashes))):
            if len(group) <= _LARGE:
                yield group
                continue
            for other in masks:
                yield from _alike(hashes[group, 1] & other, group)


def _alike(parts: np.ndarray, positions: np.ndarray) -> Iterator[np.ndarray]:
    """Positions with the same part, where there are two or more."""
    order = np.argsort(parts, kind="stable")
    starts = np.flatnonzero(np.r_[True, parts[order[1:]] != parts[order[:-1]]])
    ends = np.r_[starts[1:], len(order)]
    several = ends - starts > 1
    for start, end in zip(starts[several].tolist(), ends[several].tolist(), strict=True):
        yield positions[order[start:end]]


def _close_in(
    hashes: np.ndarray, group: np.ndarray, most_bits: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Close pairs of one group, all compared with all, some at a time."""
    rows = max(1, _AT_ONCE // len(group))
    for start in range(0, len(group) - 1, rows):
        block, rest = group[start : start + rows], group[start:]
        bits = np.bitwise_count(hashes[block, None, 0] ^ hashes[None, rest, 0])
        a, b = np.nonzero(bits <= most_bits)
        a, b = block[a[b > a]], rest[b[b > a]]
        close = np.bitwise_count(hashes[a, 1] ^ hashes[b, 1]) <= most_bits
        if close.any():
            yield a[close], b[close]
