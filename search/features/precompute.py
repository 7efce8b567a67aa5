"""Features in advance: plan what trials share, and store it before they start if it is much."""

from __future__ import annotations

from collections import Counter

import ray
from rich.console import Console

from search.cluster.placement import largest
from search.features.all_nodes import extract, nodes_for
from search.features.plan import planned
from search.live.live_run import OpenRun
from search.records import events
from spaces.errors import ThawtuneError
from spaces.studies.study import Study
from trainables.datasets.sets.recorded import RecordedSets
from trainables.features.plan.demands import expected_epochs, without_depth
from trainables.features.plan.plan import Plan

SMALL = 2e8
"""Pixels of all images up to which a single machine computes no features in advance: the processes
would take longer to start than they save, and the trials compute together what they share."""


def store_features(
    current: OpenRun, study: Study, sets: RecordedSets, console: Console
) -> Plan | None:
    """Plan the features of a run's trials, and store them on every node.

    If there is no plan, for example because a network cannot be built, the trials try by
    themselves, and the ledger records their errors.

    Args:
        current: The run; its ledger records what was stored, and at what cost.
        study: The study, with the resources of a trial on this cluster.
        sets: Of the run, without the test set.
        console: Shows progress.

    Returns:
        The plan for the trials; None: each trial stores what lies below its boundary.
    """
    is_small = _pixels(study, sets) <= SMALL and len(nodes_for(study)) == 1
    if is_small and _has_one_boundary(study):
        return None
    try:
        plan = planned(study, sets)
    except ThawtuneError as error:
        current.note(f"No features are computed in advance: {error}")
        return None
    for text in plan.notes:
        current.note(text)
    if plan.kept and not is_small:
        done = extract(study, plan, console, lambda: current.ending.has_begun, sets)
        for text in done.pop("notes"):
            current.note(text)
        current.take(events.features_stored(cores=_cores(), **done))
    return plan


def _pixels(study: Study, sets: RecordedSets) -> float:
    images = len(sets.positions("train", "validation"))
    return float(images * largest(study, "image_size") ** 2)


def _has_one_boundary(study: Study) -> bool:
    """Whether all trials of each network have the same boundary: there is nothing to decide."""
    stages = expected_epochs(study)
    return max(Counter(without_depth(stage.point) for stage in stages).values(), default=0) <= 1


def _cores() -> float:
    return float(ray.cluster_resources().get("CPU", 1))
