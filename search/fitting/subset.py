"""The part of many photos that there is time to search, chosen before any of them is read."""

from __future__ import annotations

import math

from search.fitting.study import rules
from search.fitting.study.facts import Machine
from spaces.studies.dataset import DatasetSection
from trainables.datasets.files.location import located
from trainables.datasets.formats.readers import read_index


def counted(section: DatasetSection, name: str) -> tuple[int, int]:
    """Images that a search of the whole dataset would see, and classes; nothing is decoded."""
    index = read_index(located(section, name), keys=())
    is_test = index.published == "test"
    share = 0.0 if is_test.any() else rules.chosen(rules.SPLIT, len(index.keys)).value
    return round((1 - share) * float((~is_test).sum())), len(index.class_names)


def subset_for(seen: int, classes: int, machine: Machine, seconds: float) -> float | None:
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


def text_of(subset: float, seen: int) -> str:
    """The sentence that says so.

    Args:
        subset: The share.
        seen: Training and validation images of the subset.
    """
    return (
        f"The time allows {subset:.1%} of the images: {seen:,} are searched with. With more "
        "minutes, or a GPU, all of them would be."
    )
