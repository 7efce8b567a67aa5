"""Stratified samples of images that keep copies of an image together."""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Sequence

import numpy as np


class TooFewError(ValueError):
    """A class has too few images to be on both sides.

    Attributes:
        label: The class with the fewest different images.
        different: How many it has.
    """

    def __init__(self, label: int, different: int) -> None:
        self.label, self.different = label, different
        super().__init__(f"class {label} has {different} different images")


def take_stratified(
    labels: np.ndarray, contents: Sequence[Hashable], count: int, seed: int, *, least_left: int = 1
) -> np.ndarray:
    """Draw `count` images at random, in proportion from each class, with copies together.

    Of images with the same content, all or none are drawn, whatever their labels. If groups of
    copies are large, the number drawn may differ a little from `count`.

    Args:
        labels: int (images,).
        contents: One value for each image, equal for copies.
        least_left: 1: at least one image of each class is not drawn; 0: all may be drawn.

    Returns:
        bool (images,), True for the images drawn, at least one of each class.

    Raises:
        TooFewError: If a class has too few images.
    """
    groups = _groups(contents)
    group_labels = labels[[group[0] for group in groups]]
    classes, sizes = np.unique(labels, return_counts=True)
    different = np.bincount(np.searchsorted(classes, group_labels), minlength=len(classes))
    quotas = _quotas(classes, sizes, different, count, least_left)
    taken = np.zeros(len(labels), bool)
    generator = np.random.default_rng(seed)
    by_class = np.split(np.argsort(group_labels, kind="stable"), np.cumsum(different)[:-1])
    for own, quota in zip(by_class, quotas.tolist(), strict=True):
        drawn = generator.permutation(own)
        for group in _filling([groups[i] for i in drawn], quota, least_left):
            taken[group] = True
    return taken


def _groups(contents: Sequence[Hashable]) -> list[list[int]]:
    """Groups of positions with the same content, in the order of their first positions."""
    groups: dict[Hashable, list[int]] = {}
    for position, content in enumerate(contents):
        groups.setdefault(content, []).append(position)
    return list(groups.values())


def _quotas(
    classes: np.ndarray, sizes: np.ndarray, different: np.ndarray, count: int, least_left: int
) -> np.ndarray:
    """Number of images to draw of each class: proportional, at least one, `count` in total.

    Args:
        classes: Their labels, ascending.
        sizes: Images of each.
        different: Groups of each.
    """
    most = sizes - least_left
    if different.min() < 1 + least_left or not len(classes) <= count <= most.sum():
        fewest = int(different.argmin())
        raise TooFewError(int(classes[fewest]), int(different[fewest]))
    exact = sizes * (count / sizes.sum())
    quotas: np.ndarray = np.clip(np.floor(exact).astype(int), 1, most)
    missing = count - int(quotas.sum())
    step = 1 if missing > 0 else -1
    ends = most if step > 0 else np.ones_like(most)
    # The class that is furthest from its share comes first, the first one of equals.
    waiting = [(step * (quotas[i] - exact[i]), i) for i in np.flatnonzero(quotas != ends).tolist()]
    heapq.heapify(waiting)
    for _ in range(abs(missing)):
        _, i = heapq.heappop(waiting)
        quotas[i] += step
        if quotas[i] != ends[i]:
            heapq.heappush(waiting, (step * (quotas[i] - exact[i]), i))
    return quotas


def _filling(groups: list[list[int]], quota: int, least_left: int) -> list[list[int]]:
    """The groups, in this order, that fill the quota as far as they fit; at least one."""
    filling: list[list[int]] = []
    filled = 0
    for group in groups[: len(groups) - least_left]:
        if filled + len(group) <= quota:
            filling.append(group)
            filled += len(group)
    return filling or [min(groups, key=len)]
