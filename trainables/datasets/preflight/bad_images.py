"""Images that cannot be decoded: leave them out, or refuse the dataset because of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.scanning import Finding
from trainables.datasets.manifest.index import Index
from trainables.datasets.preflight.inspection import Inspection


def unreadable(index: Index, inspection: Inspection) -> tuple[Finding, ...]:
    """Images that cannot be decoded, and why."""
    found = zip(index.keys, inspection.problems, strict=True)
    return tuple(Finding(key, problem) for key, problem in found if problem)


NEEDS = re.compile(r"is an? (?P<kind>\w+) image, which needs (?P<what>.*)")


def undecodable_kinds(bad: Sequence[Finding]) -> list[str]:
    """How many images of each kind need something installed, and what; without full stops."""
    needs = Counter(match.groups() for f in bad if (match := NEEDS.search(f.reason)))
    return [
        f"{count:,} {kind} image{'s need' if count > 1 else ' needs'} {what}"
        for (kind, what), count in needs.items()
    ]


def refusal(bad: Sequence[Finding], total: int) -> str:
    """The message that refuses a dataset because of bad images; names all of them."""
    kinds = undecodable_kinds(bad)
    lines = [f"  {sentence}" for sentence in kinds]
    lines += [f"  {f.name} {f.reason}" for f in bad if not NEEDS.search(f.reason)]
    return "\n".join(
        [
            f"{len(bad):,} of {total:,} images cannot be used. Repair or remove them, or leave "
            "them out with --skip-bad (skip_bad: true in the study's dataset section):",
            *lines,
        ]
    )


def without_bad(
    index: Index, inspection: Inspection, section: DatasetSection
) -> tuple[Index, Inspection]:
    """Index and inspection of the images that can be decoded.

    Raises:
        DataError: If any cannot be decoded and the study does not skip them; names all of them. Or
            if a class has no other images.
    """
    bad = unreadable(index, inspection)
    if not bad:
        return index, inspection
    if not section.skip_bad:
        raise DataError(refusal(bad, len(index.keys)))
    return sound_part(index, inspection)


def sound_part(index: Index, inspection: Inspection) -> tuple[Index, Inspection]:
    """As `without_bad`, whether the study skips bad images or not.

    Raises:
        DataError: If a class has no other images.
    """
    sound = inspection.sound
    gone = np.flatnonzero(index.counts(sound) == 0)
    if len(gone):
        names = ", ".join(repr(index.class_names[label]) for label in gone)
        raise DataError(
            f"No image of the class {names} can be decoded. "
            f"{refusal(unreadable(index, inspection), len(index.keys))}"
        )
    return index.take(sound), inspection.take(sound)
