"""Messages of the preflight: errors that stop a search, and warnings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.left_out import left_out_images
from trainables.datasets.files.scanning import Finding
from trainables.datasets.manifest.index import Index
from trainables.datasets.preflight.bad_images import refusal, undecodable_kinds
from trainables.datasets.preflight.duplicates import DuplicateGroup
from trainables.datasets.preflight.inspection import Inspection

_NEARLY_BLACK = 64
"""Brightest pixel, of 255, up to which images of 16 bits are thought to use fewer: 14 give 64."""

_NAMED = 10
"""Images or groups that a warning names; the record has all, and errors name all."""


def errors(
    index: Index,
    section: DatasetSection,
    unreadable: Sequence[Finding],
    duplicates: Sequence[DuplicateGroup],
    split_groups: Sequence[str],
) -> tuple[str, ...]:
    """The reasons why the dataset cannot be used."""
    found = []
    if unreadable and not section.skip_bad:
        found.append(refusal(unreadable, len(index.keys)))
    leaks = [group for group in duplicates if group.crosses_sets]
    if leaks and index.in_files and not section.allow_leaks:
        head = (
            f"Leakage: {_images(len(leaks))} in more than one set, which makes measured accuracy "
            "too good. Keep the copies of each image in one set only, or set allow_leaks: true in "
            "the study's dataset section to search it as it is published; the report then says so:"
        )
        found.append("\n".join([head, *(f"  {group}" for group in leaks)]))
    if split_groups and not section.allow_leaks:
        found.append(
            f"{_crossing(split_groups)}. Without published sets, thawtune keeps groups together; "
            "allow_leaks: true in the study's dataset section searches it as it is published."
        )
    return tuple(found)


def warnings(
    index: Index,
    section: DatasetSection,
    inspection: Inspection,
    skipped: Sequence[Finding],
    mislabelled: Sequence[Finding],
    duplicates: Sequence[DuplicateGroup],
    near: Sequence[DuplicateGroup],
    split_groups: Sequence[str],
) -> tuple[str, ...]:
    """What a person should know before using the dataset."""
    found: list[str] = []
    if skipped:
        undecoded = undecodable_kinds(skipped)
        found.append(f"{_images(len(skipped))} left out because they cannot be decoded.")
        found += [f"{sentence}." for sentence in undecoded]
    if mislabelled:
        lines = [f"{finding.name} {finding.reason}" for finding in mislabelled]
        found.append(f"The extension does not fit the content: {_listed(lines)}.")
    if index.empty_classes:
        what = "Folders" if index.in_files else "Classes"
        found.append(f"{what} without images are not classes: {_listed(index.empty_classes)}.")
    found += [f"{sentence}." for sentence in left_out_images(index.ignored)]
    found += _about_pixels(index, inspection)
    found += _about_duplicates(index, section, duplicates)
    found += _about_near_duplicates(near)
    if split_groups and section.allow_leaks:
        found.append(f"{_crossing(split_groups)}; the study allows it.")
    return tuple(found)


def _about_pixels(index: Index, inspection: Inspection) -> Iterator[str]:
    deep = np.array([";16" in mode for mode in inspection.modes], bool)
    brightest = int(inspection.brightest[deep].max(initial=0))
    if deep.any() and 0 < brightest <= _NEARLY_BLACK:
        bits = max(9, (brightest * 257 - 128).bit_length())
        yield (
            f"{int(deep.sum()):,} images of 16 bits a channel are nearly black: their brightest "
            f"pixel is {brightest} of 255, as if only {bits} bits were used. If so, set "
            f"bits: {bits} in the study's dataset section."
        )
    if inspection.paged.any():
        names = [index.keys[i] for i in np.flatnonzero(inspection.paged)]
        yield f"The first page is used of files that have several: {_listed(names)}."


def _crossing(groups: Sequence[str]) -> str:
    count = "1 group is" if len(groups) == 1 else f"{len(groups):,} groups are"
    return f"Leakage: {count} in more than one published set: {_listed(groups)}"


def _about_duplicates(
    index: Index, section: DatasetSection, duplicates: Sequence[DuplicateGroup]
) -> Iterator[str]:
    leaks = [group for group in duplicates if group.crosses_sets]
    if leaks and (section.allow_leaks or not index.in_files):
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
