"""What stays together in one set: copies of an image and groups; stratified samples of groups."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np

from trainables.datasets.manifest.stratified import TooFewError


def together(contents: Sequence[Hashable], groups: Sequence[str] | None) -> np.ndarray:
    """A number for each image, equal for images that must come into one set: int64 (images,).

    Copies belong together, and so do images of a group; and if two groups share a copy, both.

    Args:
        contents: One value for each image, equal for copies; empty values are equal to nothing.
        groups: Group of each image; None if there are none.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    count = len(contents)
    unlike = [
        ("none", i) if content in (b"", "") else content for i, content in enumerate(contents)
    ]
    copies = _numbered(unlike)
    if groups is None:
        return copies
    grouped = _numbered(groups) + count
    ends = (np.tile(np.arange(count), 2), np.concatenate([copies, grouped]) + count)
    graph = coo_array((np.ones(2 * count, bool), ends), shape=(3 * count + 1, 3 * count + 1))
    _, component = connected_components(graph, directed=False)
    return np.asarray(_numbered(component[:count].tolist()))


def take_groups(
    labels: np.ndarray, groups: np.ndarray, count: int, seed: int, *, least_left: int = 1
) -> np.ndarray:
    """Draw about `count` images at random, whole groups only, nearly in proportion by class.

    Groups are visited in random order, the large ones first, and drawn if that brings the counts
    of the classes nearer to their share. Then classes without an image are given one more group.

    Args:
        labels: int (images,).
        groups: int64 (images,), as from `together`.
        least_left: 1: at least one group of each class is not drawn; 0: all may be drawn.

    Returns:
        bool (images,), True for the images drawn, at least one of each class.

    Raises:
        TooFewError: If that cannot be done.
    """
    counts = _class_counts(labels, groups)
    order = np.random.default_rng(seed).permutation(list(counts))
    order = order[np.argsort([-sum(counts[g].values()) for g in order], kind="stable")]
    missing = dict.fromkeys(np.unique(labels).tolist(), 0.0)
    left = dict.fromkeys(missing, 0)
    for label in labels.tolist():
        missing[label] += count / len(labels)
    wanted = dict(missing)
    for group in counts.values():
        for label in group:
            left[label] += 1
    drawn: set[int] = set()
    lacking = set(missing)

    def can_be_drawn(group: int) -> bool:
        return group not in drawn and all(left[label] > least_left for label in counts[group])

    def draw(group: int) -> None:
        drawn.add(group)
        for label, number in counts[group].items():
            missing[label] -= number
            left[label] -= 1
            lacking.discard(label)

    def distance(group: int) -> float:
        return sum(
            (abs(missing[label] - number) - abs(missing[label])) / wanted[label]
            for label, number in counts[group].items()
        )

    for group in order.tolist():
        if can_be_drawn(group) and distance(group) < 0:
            draw(group)
    having: dict[int, list[int]] = {label: [] for label in lacking}
    for group in order.tolist():
        for label in counts[group].keys() & having.keys():
            having[label].append(group)
    for label in sorted(lacking):
        if label not in lacking:
            continue  # by a group that another class was given
        possible = [group for group in having[label] if can_be_drawn(group)]
        if not possible:
            raise TooFewError(label, len(having[label]))
        draw(min(possible, key=distance))
    return np.isin(groups, list(drawn))


def _numbered(values: Sequence[Hashable]) -> np.ndarray:
    """Numbers from 0, equal for equal values, in the order of their first occurrence."""
    known: dict[Hashable, int] = {}
    return np.array([known.setdefault(value, len(known)) for value in values], np.int64)


def _class_counts(labels: np.ndarray, groups: np.ndarray) -> dict[int, dict[int, int]]:
    """Number of images of each class in each group."""
    counts: dict[int, dict[int, int]] = {}
    for label, group in zip(labels.tolist(), groups.tolist(), strict=True):
        own = counts.setdefault(group, {})
        own[label] = own.get(label, 0) + 1
    return counts
