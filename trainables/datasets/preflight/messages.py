"""Messages of the preflight: errors that stop a search, and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trainables.datasets.files.scanning import Finding
from trainables.datasets.manifest.index import Index
from trainables.datasets.preflight.bad_images import refusal
from trainables.datasets.preflight.duplicates import DuplicateGroup

_NAMED = 10
"""Images or groups that a warning names; the record has all, and errors name all."""


def errors(
    index: Index,
    unreadable: Sequence[Finding],
    skipped: int,
    duplicates: Sequence[DuplicateGroup],
) -> tuple[str, ...]:
    """The reasons why the dataset cannot be used."""
    found = []
    if unreadable and not skipped:
        found.append(refusal(unreadable, len(index.keys)))
    leaks = [group for group in duplicates if group.crosses_sets]
    if leaks and index.in_files:
        head = (
            f"Leakage: {_images(len(leaks))} in more than one set, which makes measured accuracy "
            "too good. Keep the copies of each image in one set only:"
        )
        found.append("\n".join([head, *(f"  {group}" for group in leaks)]))
    return tuple(found)


def warnings(
    index: Index,
    skipped: int,
    mislabelled: Sequence[Finding],
    duplicates: Sequence[DuplicateGroup],
    near: Sequence[DuplicateGroup],
) -> tuple[str, ...]:
    """What a person should know before using the dataset."""
    found: list[str] = []
    if skipped:
        found.append(f"{_images(skipped)} left out because they cannot be decoded.")
    if mislabelled:
        lines = [f"{finding.name} {finding.reason}" for finding in mislabelled]
        found.append(f"The extension does not fit the content: {_listed(lines)}.")
    if index.empty_classes:
        found.append(f"Folders without images are not classes: {_listed(index.empty_classes)}.")
    found += _about_duplicates(index, duplicates)
    found += _about_near_duplicates(near)
    return tuple(found)


def _about_duplicates(index: Index, duplicates: Sequence[DuplicateGroup]) -> Iterator[str]:
    leaks = [group for group in duplicates if group.crosses_sets]
    if leaks and not index.in_files:
        sets = sorted({" and ".join(sorted(set(group.sets), reverse=True)) for group in leaks})
        yield (
            f"Leakage in the published sets: {_images(len(leaks))} in more than one set "
            f"({', '.join(sets)}): {_listed(leaks)}."
        )
    if contradictory := [group for group in duplicates if group.contradicts_itself]:
        yield f"{_images(len(contradictory))} in more than one class: {_listed(contradictory)}."
    if within := [group for group in duplicates if not group.crosses_sets]:
        yield f"{_images(len(within))} more than once in one set: {_listed(within)}."


def _about_near_duplicates(near: Sequence[DuplicateGroup]) -> Iterator[str]:
    if across := [group for group in near if group.crosses_sets]:
        yield (
            f"{_groups(len(across))} nearly alike but in different sets, which may be leakage: "
            f"{_listed(across)}."
        )
    if within := [group for group in near if not group.crosses_sets]:
        yield f"{_groups(len(within))} nearly alike, all in one set: {_listed(within)}."


def _images(count: int) -> str:
    return "1 image is" if count == 1 else f"{count:,} images are"


def _groups(count: int) -> str:
    return "1 group of images is" if count == 1 else f"{count:,} groups of images are"


def _listed(things: Sequence[object]) -> str:
    named = "; ".join(str(thing) for thing in things[:_NAMED])
    return f"{named}; and {len(things) - _NAMED:,} more" if len(things) > _NAMED else named
