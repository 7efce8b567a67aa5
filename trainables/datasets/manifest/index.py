"""The index of a dataset: key, label and set of every image, and how to read it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from trainables.datasets.files.scanning import Finding


@dataclass(frozen=True)
class Index:
    """The result of reading a dataset format.

    Attributes:
        class_names: One readable name for each label.
        keys: A unique name of each image: its path relative to the dataset, if it has one.
        labels: int32 (images,), indices into `class_names`.
        read: Decodes an image, given its position: uint8 (height, width, 3), RGB.
        fingerprint: Changes when the images or the labels do. Of files, those that `digested` has
            read count by their content, the others by their names.
        subsets: Published set of each image: "train", "validation", "test", or "" (unknown).
            None if the dataset publishes no sets.
        open: Opens the encoded image at a position. None if images are stored as plain pixels,
            which have no headers and cannot be damaged one by one.
        in_files: Whether each image is a file of its own, which a person can remove or repair.
        ignored: Other files, which are left out, and why.
        empty_classes: Class folders without images, which are not classes.
        groups: Group of each image, which stay together in one set; None if each is alone.
        place: What the digests' inspections are kept under: the dataset and how it is decoded.
        digests: Digest of each image's file, "" if it has not been or cannot be read; None if
            there are no files.
        digest: Reads the files at some positions for their digests; None if there are none.
        contents: Digest of each image's decoded pixels, S16 (images,), b"" where it is unknown;
            None if none is known.
        sizes: Width and height of each upright image, int32 (images, 2), where they are known.
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
    groups: tuple[str, ...] | None = None
    place: str = ""
    digests: tuple[str, ...] | None = None
    digest: Callable[[np.ndarray], list[str]] | None = None
    contents: np.ndarray | None = None
    sizes: np.ndarray | None = None

    @property
    def published(self) -> np.ndarray:
        """Published set of each image, or "": str (images,)."""
        return np.array(self.subsets if self.subsets is not None else [""] * len(self.keys), "U10")

    def counts(self, positions: np.ndarray) -> np.ndarray:
        """Number of images of each class among these positions: int64 (classes,)."""
        return np.bincount(self.labels[positions], minlength=len(self.class_names))

    def digested(self, positions: np.ndarray) -> Index:
        """The same images, with the digests of some of their files, and a fingerprint of them."""
        if self.digest is None:
            return self
        digests = np.full(len(self.keys), "", object)
        digests[positions] = self.digest(positions)
        whole = hashlib.sha256()
        rows = zip(self.keys, self.labels.tolist(), self.published.tolist(), digests, strict=True)
        for key, label, subset, digest in rows:
            whole.update(f"{key}\0{label}\0{subset}\0{digest}\n".encode())
        fingerprint = whole.hexdigest() + self.fingerprint
        return replace(self, digests=tuple(digests), fingerprint=fingerprint, digest=None)

    def take(self, positions: np.ndarray) -> Index:
        """An index of only these images, with the same classes."""
        read, opened = self.read, self.open
        digest = hashlib.sha256(positions.astype("<i8").tobytes()).hexdigest()
        return replace(
            self,
            keys=tuple(self.keys[p] for p in positions),
            labels=self.labels[positions],
            read=lambda position: read(int(positions[position])),
            fingerprint=f"{self.fingerprint}/{digest[:16]}",
            subsets=None if self.subsets is None else tuple(self.subsets[p] for p in positions),
            groups=None if self.groups is None else tuple(self.groups[p] for p in positions),
            open=None if opened is None else lambda position: opened(int(positions[position])),
            digests=None if self.digests is None else tuple(self.digests[p] for p in positions),
            contents=None if self.contents is None else self.contents[positions],
            sizes=None if self.sizes is None else self.sizes[positions],
        )

    def without_unused_classes(self) -> Index:
        """The same images, with only those classes that have any; the others become empty."""
        counts = np.bincount(self.labels, minlength=len(self.class_names))
        if counts.all():
            return self
        used = np.flatnonzero(counts)
        empty = tuple(self.class_names[label] for label in np.flatnonzero(counts == 0))
        return replace(
            self,
            class_names=tuple(self.class_names[label] for label in used),
            labels=np.searchsorted(used, self.labels).astype(np.int32),
            empty_classes=self.empty_classes + empty,
        )


def content_of(image: np.ndarray) -> bytes:
    """Digest of a decoded image, uint8 (height, width, 3): 16 bytes."""
    height, width, _ = image.shape
    content = hashlib.blake2b(f"{height} {width} ".encode(), digest_size=16)
    content.update(np.ascontiguousarray(image).data)
    return content.digest()
