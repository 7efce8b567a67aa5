"""Taking a stratified share out of images, without tearing copies of one image apart."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np


class TooFewError(ValueError):
    """A class has too few images to be on both sides.

    Attributes:
        label: Of the class that has the fewest different ones.
        different: How many those are.
    """

    def __init__(self, label: int, different: int) -> None:
        self.label, self.different = label, different
        super().__init__(f"class {label} has {different} different images")


def take_stratified(
    labels: np.ndarray, contents: Sequence[Hashable], count: int, seed: int, *, least_left: int = 1
) -> np.ndarray:
    """Take `count` images at random, of each class its share, copies together.

    Images with the same content are taken all or not at all, whatever their labels. Where groups
    of copies are too large for that to come out even, a few images more or fewer are taken.

    Args:
        labels: int (images,).
        contents: What tells copies of an image, one an image.
        least_left: 1: each class has to keep an image that is not taken; 0: it need not.

    Returns:
        bool (images,), True for the images taken, at least one of each class.

    Raises:
        TooFewError: If that cannot be done.
    """
    groups = _groups(contents)
    group_labels = np.array([labels[group[0]] for group in groups])
    taken = np.zeros(len(labels), bool)
    generator = np.random.default_rng(seed)
    for label, quota in _quotas(group_labels, labels, count, least_left).items():
        own = generator.permutation(np.flatnonzero(group_labels == label))
        for group in _filling([groups[i] for i in own], quota, least_left):
            taken[group] = True
    return taken


def _groups(contents: Sequence[Hashable]) -> list[list[int]]:
    """Positions with the same content, in the order of the first of each."""
    groups: dict[Hashable, list[int]] = {}
    for position, content in enumerate(contents):
        groups.setdefault(content, []).append(position)
    return list(groups.values())


def _quotas(
    group_labels: np.ndarray, labels: np.ndarray, count: int, least_left: int
) -> dict[int, int]:
    """Images to take of each class: proportional, at least one, summing to `count`."""
    classes, sizes = np.unique(labels, return_counts=True)
    different = np.array([(group_labels == label).sum() for label in classes])
    most = sizes - least_left
    if different.min() < 1 + least_left or not len(classes) <= count <= most.sum():
        fewest = int(different.argmin())
        raise TooFewError(int(classes[fewest]), int(different[fewest]))
    exact = sizes * (count / len(labels))
    quotas = np.clip(np.floor(exact).astype(int), 1, most)
    while missing := count - int(quotas.sum()):
        step = 1 if missing > 0 else -1
        possible = (quotas + step >= 1) & (quotas + step <= most)
        quotas[np.where(possible, step * (exact - quotas), -np.inf).argmax()] += step
    return {int(label): int(quota) for label, quota in zip(classes, quotas, strict=True)}


def _filling(groups: list[list[int]], quota: int, least_left: int) -> list[list[int]]:
    """Groups, in this order, that fill the quota as nearly as they can; never none."""
    filling: list[list[int]] = []
    filled = 0
    for group in groups[: len(groups) - least_left]:
        if filled + len(group) <= quota:
            filling.append(group)
            filled += len(group)
    return filling or [min(groups, key=len)]
