"""The part of many photos that there is time to search, chosen before any of them is read."""

from __future__ import annotations

import math

from search.fitting.source import Source
from search.fitting.study import rules
from search.fitting.study.facts import Machine
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.location import located
from trainables.datasets.formats.readers import read_index
from trainables.datasets.manifest.subset import used_positions


def counted(source: Source, section: DatasetSection) -> tuple[int, int]:
    """Images that a search of the whole dataset would see, and classes; no image is read.

    Args:
        source: Says whether the section has shares of its own.
        section: Of the dataset.
    """
    section = located(section, source.name)
    index = read_index(section, keys=())
    is_test = index.published[used_positions(index, section)] == "test"
    share = section.test if source.has_shares else rules.chosen(rules.SPLIT, len(index.keys)).value
    if is_test.any():
        share = 0.0
    return round((1 - (share or 0.0)) * float((~is_test).sum())), len(index.class_names)


def share_for(seen: int, classes: int, machine: Machine, seconds: float) -> float | None:
    """The share of the images that one pass has time for; None if it has time for all.

    Args:
        seen: Training and validation images, of all.
        classes: Number of classes.
        machine: Its speed.
        seconds: The time for everything.
    """
    smallest = rules.STEPS[0].value[0]
    images = (
        rules.PASS_SHARE
        * machine.workers
        * seconds
        / machine.forward_seconds(rules.CANDIDATES[0].work, smallest)
    )
    share = max(images, rules.LEAST_OF_CLASS * classes) / max(1, seen)
    return None if share >= 1 else math.ceil(1000 * share) / 1000


def part_of(section: DatasetSection, share: float | None) -> DatasetSection:
    """The section with this share of the images that it uses; None: with all."""
    if share is None:
        return section
    whole = section.subset
    subset = math.ceil(share * whole) if isinstance(whole, int) else share * (whole or 1.0)
    return section.model_copy(update={"subset": subset})


def text_of(share: float, seen: int) -> str:
    """The sentence that says so.

    Args:
        share: As `share_for` gives it.
        seen: Training and validation images of the part.
    """
    return (
        f"The time allows {share:.1%} of the images: {seen:,} are searched with. With more "
        "minutes, or a GPU, all of them would be."
    )
