"""Duplicates: groups of images that are the same or look alike, with their sets and classes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainables.datasets.manifest.index import Index
from trainables.datasets.preflight.inspection import Inspection
from trainables.datasets.preflight.near_duplicates import near_pairs
from trainables.datasets.preflight.perceptual import SMALLEST


@dataclass(frozen=True)
class DuplicateGroup:
    """Images that are the same or look alike.

    Attributes:
        names: Their keys.
        sets: The set of each.
        classes: The class of each.
    """

    names: tuple[str, ...]
    sets: tuple[str, ...]
    classes: tuple[str, ...]

    @property
    def crosses_sets(self) -> bool:
        """Whether it is in more than one set."""
        return len(set(self.sets)) > 1

    @property
    def contradicts_itself(self) -> bool:
        """Whether it is in more than one class."""
        return len(set(self.classes)) > 1

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"names": list(self.names), "sets": list(self.sets), "classes": list(self.classes)}

    def __str__(self) -> str:
        places = zip(self.names, self.sets, strict=True)
        return " = ".join(f"{name} ({subset})" for name, subset in places)


def exact_duplicates(
    index: Index, sets: Sequence[str], inspection: Inspection
) -> tuple[DuplicateGroup, ...]:
    """Groups of images with the same decoded pixels, whatever their files are.

    Args:
        sets: The set of each image; "" for images that are not used, which are not compared.
    """
    groups: dict[bytes, list[int]] = {}
    for position, content in enumerate(inspection.contents):
        if content and sets[position]:
            groups.setdefault(content, []).append(position)
    return _named(index, sets, (group for group in groups.values() if len(group) > 1))


def near_duplicates(
    index: Index, sets: Sequence[str], inspection: Inspection
) -> tuple[DuplicateGroup, ...]:
    """Groups of images that look alike, exact duplicates counted once.

    Two images look alike if their perceptual hashes differ in at most 4 of 64 bits, by rows as well
    as by columns; a group is connected by such pairs. Images with a side under 32 pixels are not
    compared, see `perceptual.SMALLEST`.
    """
    first = {content: i for i, content in reversed(list(enumerate(inspection.contents)))}
    large = np.minimum(inspection.widths, inspection.heights) >= SMALLEST
    compared = np.array(
        [
            i
            for i, content in enumerate(inspection.contents)
            if content and sets[i] and large[i] and first[content] == i
        ],
        np.int64,
    )
    pairs = near_pairs(inspection.rows[compared], inspection.columns[compared])
    return _named(index, sets, connected_groups(compared[pairs]))


def connected_groups(pairs: np.ndarray) -> list[list[int]]:
    """Connected components of a graph with these edges, int64 (pairs, 2), each ascending."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    positions, edges = np.unique(pairs, return_inverse=True)
    ends = edges.reshape(pairs.shape).T
    graph = coo_array((np.ones(len(pairs), bool), ends), shape=(len(positions), len(positions)))
    _, component = connected_components(graph, directed=False)
    order = np.argsort(component, kind="stable")
    bounds = np.cumsum(np.bincount(component))[:-1]
    return [group.tolist() for group in np.split(positions[order], bounds) if len(group)]


def _named(
    index: Index, sets: Sequence[str], groups: Iterable[Sequence[int]]
) -> tuple[DuplicateGroup, ...]:
    return tuple(
        DuplicateGroup(
            tuple(index.keys[i] for i in group),
            tuple(sets[i] for i in group),
            tuple(index.class_names[index.labels[i]] for i in group),
        )
        for group in groups
    )
