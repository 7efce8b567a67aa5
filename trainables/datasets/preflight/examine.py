"""The preflight: finding what is wrong with a dataset before compute is spent on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.location import located
from trainables.datasets.files.scanning import Finding
from trainables.datasets.files.threads import Progress
from trainables.datasets.formats.readers import read_index
from trainables.datasets.manifest.index import Index
from trainables.datasets.manifest.subset import used_positions
from trainables.datasets.preflight.bad_images import sound_part, unreadable
from trainables.datasets.preflight.duplicates import exact_duplicates, near_duplicates
from trainables.datasets.preflight.image_sizes import Sizes
from trainables.datasets.preflight.inspection import Inspection
from trainables.datasets.preflight.kept_inspection import inspect
from trainables.datasets.preflight.messages import errors, warnings
from trainables.datasets.preflight.record import Preflight
from trainables.datasets.sets.recorded import record
from trainables.datasets.sets.splits import SETS, Splits, split


def preflight(
    section: DatasetSection,
    name: str,
    data: str | Path | None = None,
    progress: Progress | None = None,
) -> Preflight:
    """Examine a dataset, and refuse it if it cannot be used.

    Raises:
        DataError: With every error that `examine` finds.
    """
    found = examine(section, name, data, progress)
    if found.errors:
        raise DataError("\n".join(found.errors))
    return found


def examine(
    section: DatasetSection,
    name: str,
    data: str | Path | None = None,
    progress: Progress | None = None,
) -> Preflight:
    """Find everything that is wrong with a dataset, and how it is split.

    Errors are images that cannot be decoded, unless the study skips them, and leakage: the same
    pixels in two of the three sets. Leakage is an error if images are files, because removing one
    mends it. In datasets that are published as arrays or Parquet (CIFAR-10, Fashion-MNIST, ...)
    nobody can mend it, nor should, as results could no longer be compared; there it is a warning
    with counts. Sets that we split never leak, see `splits.split`.

    Args:
        section: The study's dataset section.
        name: The study's name.
        data: The argument of `--data`; see `location.locate`.
        progress: Called with the number of steps done and their total.

    Raises:
        DataError: If the dataset does not exist, has no images or one class, or cannot be split.
    """
    section = located(section, name, data)
    whole = read_index(section)
    used = used_positions(whole, section)
    every = inspect(whole, section.max_pixels, progress, used)
    part = whole.take(used)
    bad, sound = unreadable(part, every), used[every.sound]
    index, inspection = sound_part(part, every) if bad else (part, every)
    splits = split(index, section, inspection.contents)
    sizes = np.stack([every.widths, every.heights], axis=1)
    sets = record(whole, used, sound, splits, every.contents, sizes)
    its_sets = _sets(index, splits)
    duplicates = exact_duplicates(index, its_sets, inspection)
    near = near_duplicates(index, its_sets, inspection)
    mislabelled = _mislabelled(index, inspection)
    skipped = len(bad) if section.skip_bad else 0
    crossing = _groups_that_cross(index, its_sets)
    return Preflight(
        name=section.name or name,
        format=section.format,
        path=section.path,
        fingerprint=sets.sound_fingerprint,
        class_names=index.class_names,
        counts={s: tuple(index.counts(splits.of(s)).tolist()) for s in SETS},
        published=tuple(s for s in SETS if s in (whole.subsets or ())),
        images=len(whole.keys),
        subset=section.subset,
        sizes=Sizes.of(inspection),
        unreadable=bad,
        skipped=skipped,
        mislabelled=mislabelled,
        ignored=whole.ignored,
        empty_classes=whole.empty_classes,
        duplicates=duplicates,
        near_duplicates=near,
        errors=errors(part, section, bad, duplicates, crossing),
        warnings=warnings(
            part,
            section,
            every,
            bad if section.skip_bad else (),
            mislabelled,
            duplicates,
            near,
            crossing,
        ),
        sets=sets,
    )


def _sets(index: Index, splits: Splits) -> tuple[str, ...]:
    """The set of each image; "" for images outside the subset."""
    sets = np.full(len(index.keys), "", "U10")
    for name in SETS:
        sets[splits.of(name)] = name
    return tuple(sets.tolist())


def _groups_that_cross(index: Index, sets: Sequence[str]) -> tuple[str, ...]:
    """Groups that published sets divide."""
    first: dict[str, str] = {}
    found: dict[str, None] = {}
    for group, name in zip(index.groups or (), sets, strict=False):
        if name and first.setdefault(group, name) != name:
            found[group] = None
    return tuple(found)


def _mislabelled(index: Index, inspection: Inspection) -> tuple[Finding, ...]:
    found = zip(index.keys, inspection.mislabellings, strict=True)
    return tuple(Finding(key, reason) for key, reason in found if reason)
