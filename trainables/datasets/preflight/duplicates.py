"""Groups of images that are the same, or nearly, and in which sets they are."""

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
    """Images that are the same, or nearly.

    Attributes:
        names: Their keys.
        sets: Set of each.
        classes: Class of each.
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
        sets: Set of each image; "" where it is not used, and is not compared.
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

    Alike are two images whose perceptual hashes differ in at most 4 of 64 bits, by rows as well
    as by columns; a group is what hangs together by such pairs. Images under 32 pixels a side are
    not compared, see `perceptual.SMALLEST`.
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
    return _named(index, sets, _connected(compared[pairs]))


def _connected(pairs: np.ndarray) -> list[list[int]]:
    """Groups that hang together by these pairs, int64 (pairs, 2), each ascending."""
    above: dict[int, int] = {}

    def root(position: int) -> int:
        while above.setdefault(position, position) != position:
            above[position] = above[above[position]]
            position = above[position]
        return position

    for one, other in pairs.tolist():
        low, high = sorted((root(one), root(other)))
        above[high] = low
    groups: dict[int, list[int]] = {}
    for position in sorted(above):
        groups.setdefault(root(position), []).append(position)
    return list(groups.values())


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
