"""All labelled images of a dataset, known but not yet decoded."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from trainables.datasets.files.scanning import Finding


@dataclass(frozen=True)
class Index:
    """What a format's reader returns.

    Attributes:
        class_names: One for each label, as a person reads them.
        keys: Name of each image, unique; a path relative to the dataset where it has one.
        labels: int32 (images,), indices into `class_names`.
        read: Decodes an image, given its position: uint8 (height, width, 3), RGB.
        fingerprint: Changes when the images or the labels do.
        subsets: Set of each image where the dataset publishes one: "train", "validation",
            "test", or "" (not said). None if it publishes none.
        open: Opens the encoded image at a position. None where images are stored as plain pixels,
            which have no headers and cannot be damaged one by one.
        in_files: Whether each image is a file of its own, which a person can remove or repair.
        ignored: Files beside the images that were left out, and why.
        empty_classes: Class folders without an image; they are no classes.
    """

    class_names: tuple[str, ...]
    keys: tuple[str, ...]
    labels: np.ndarray
    read: Callable[[int], np.ndarray]
    fingerprint: str
    subsets: tuple[str, ...] | None = None
    open: Callable[[int], BinaryIO] | None = None
    in_files: bool = False
    ignored: tuple[Finding, ...] = ()
    empty_classes: tuple[str, ...] = ()

    @property
    def published(self) -> np.ndarray:
        """Name of each image's set where one is published, else "": str (images,)."""
        return np.array(self.subsets if self.subsets is not None else [""] * len(self.keys), "U10")

    def counts(self, positions: np.ndarray) -> np.ndarray:
        """Images of each class among these positions: int64 (classes,)."""
        return np.bincount(self.labels[positions], minlength=len(self.class_names))

    def take(self, positions: np.ndarray) -> Index:
        """An index of these images alone, with the same classes."""
        read, opened = self.read, self.open
        digest = hashlib.sha256(positions.astype("<i8").tobytes()).hexdigest()
        return replace(
            self,
            keys=tuple(self.keys[p] for p in positions),
            labels=self.labels[positions],
            read=lambda position: read(int(positions[position])),
            fingerprint=f"{self.fingerprint}/{digest[:16]}",
            subsets=None if self.subsets is None else tuple(self.subsets[p] for p in positions),
            open=None if opened is None else lambda position: opened(int(positions[position])),
        )
