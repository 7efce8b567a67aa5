"""The result of a preflight, as data.json holds it."""

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
        name: Name of the dataset or the study.
        format: See `spaces.studies.dataset.FORMATS`.
        path: Where it is; None if it has no files.
        fingerprint: Changes when the images or the labels do.
        class_names: One for each label.
        counts: Images of each class, by set: "train", "validation", "test".
        published: Sets that come with the dataset; the others we split.
        images: Number of all images, including unusable ones and those outside the subset.
        subset: The study's `subset`.
        sizes: Sizes of the images that can be decoded.
        unreadable: Images that cannot be decoded.
        skipped: How many of these are left out because the study skips them.
        mislabelled: Images whose extension does not fit their content; they are used.
        ignored: Other files.
        empty_classes: Class folders without images.
        duplicates: Images with the same pixels, in one set or in several.
        near_duplicates: Images that look alike.
        errors: The reasons why the dataset cannot be used as it is.
        warnings: What a person should know before using it.
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
        """Duplicates in more than one set."""
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
