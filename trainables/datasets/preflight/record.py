"""What preflight finds out about a dataset."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trainables.datasets.files.scanning import Finding
from trainables.datasets.preflight.duplicates import DuplicateGroup
from trainables.datasets.preflight.image_sizes import Sizes
from trainables.datasets.sets.recorded import RecordedSets


@dataclass(frozen=True)
class Preflight:
    """A dataset as a search would use it.

    Attributes:
        name: Of the dataset or the study.
        format: See `spaces.dataset.FORMATS`.
        path: Where it is; None where it has no files.
        fingerprint: Changes when the images or the labels do.
        class_names: One for each label.
        counts: Images of each class, by set: "train", "validation", "test".
        published: Sets that come with the dataset; the others are split here.
        images: All images found, those that cannot be used and those beyond the subset as well.
        subset: The study's `subset`.
        sizes: Of the images that can be decoded.
        unreadable: Images that cannot be decoded.
        skipped: How many of these are left out because the study says so.
        mislabelled: Images whose extension does not fit their content; they are used.
        ignored: Files beside the images.
        empty_classes: Class folders without images.
        duplicates: Images with the same pixels, within one set or leaking.
        near_duplicates: Images that look alike.
        errors: Why the dataset cannot be used as it is, one text each.
        warnings: What a person should know before using it, one sentence each.
        sets: Every image with its set and its content, as a run keeps them.
    """

    name: str
    format: str
    path: str | None
    fingerprint: str
    class_names: tuple[str, ...]
    counts: dict[str, tuple[int, ...]]
    published: tuple[str, ...]
    images: int
    subset: int | float | None
    sizes: Sizes
    unreadable: tuple[Finding, ...]
    skipped: int
    mislabelled: tuple[Finding, ...]
    ignored: tuple[Finding, ...]
    empty_classes: tuple[str, ...]
    duplicates: tuple[DuplicateGroup, ...]
    near_duplicates: tuple[DuplicateGroup, ...]
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    sets: RecordedSets

    @property
    def leaks(self) -> tuple[DuplicateGroup, ...]:
        """Content that stands in two sets."""
        return tuple(group for group in self.duplicates if group.crosses_sets)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as data.json holds them."""
        return {
            "name": self.name,
            "format": self.format,
            "path": self.path,
            "fingerprint": self.fingerprint,
            "classes": list(self.class_names),
            **{name: list(counts) for name, counts in self.counts.items()},
            "published": list(self.published),
            "images": self.images,
            "subset": self.subset,
            "image": self.sizes.in_words,
            "sizes": self.sizes.to_dict(),
            "unreadable": [list(finding) for finding in self.unreadable],
            "skipped": self.skipped,
            "mislabelled": [list(finding) for finding in self.mislabelled],
            "ignored": [list(finding) for finding in self.ignored],
            "empty_classes": list(self.empty_classes),
            "duplicates": [group.to_dict() for group in self.duplicates],
            "near_duplicates": [group.to_dict() for group in self.near_duplicates],
            "errors": list(self.errors),
            "warnings": list(self.warnings),
        }
