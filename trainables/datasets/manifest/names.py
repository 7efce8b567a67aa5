"""Readable names of classes, and the names of published sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from spaces.errors import DataError

SYNSETS = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}
"""ImageNet's names of the WordNet synsets in Imagenette."""

FASHION_MNIST = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)
"""Fashion-MNIST's class names; its files have only numbers."""


def readable(own: Sequence[str], wanted: Mapping[str, str]) -> tuple[str, ...]:
    """Readable names of classes: from the study, else from known synsets, else from the dataset.

    Args:
        own: The dataset's own names, one for each label.
        wanted: The study's `class_names`.

    Raises:
        DataError: If the study names a class that does not exist, or two names are the same.
    """
    known = frozenset(own)
    if unknown := [name for name in wanted if name not in known]:
        raise DataError(
            f"class_names in the study names {_listed(unknown)}, but the dataset has "
            f"{_listed(own)}."
        )
    names = tuple(wanted.get(name, SYNSETS.get(name, name)) for name in own)
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise DataError(
            f"Two classes are called {_listed(twice)}: give them different names under "
            "class_names in the study."
        )
    return names


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:20])
    return f"{shown} and {len(names) - 20} more" if len(names) > 20 else shown


SUBSETS = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    **{f"{word}_set": our for word, our in (("training", "train"), ("test", "test"))},
    **{f"seg_{word}": word for word in ("train", "test")},
}
"""Our name of a set for each folder or file name, in lower case."""
