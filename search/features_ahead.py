"""What all trials share, computed and stored before the first of them begins."""

from __future__ import annotations

import ray
from rich.console import Console

from search.extracting import extract
from search.open_run import OpenRun
from search.planned import planned
from search.records import events
from spaces.errors import ThawtuneError
from spaces.study import Study
from trainables.cache import cache_folder
from trainables.plan import Plan

NO_PLAN = Plan(())


def store_features(current: OpenRun, study: Study, console: Console) -> Plan:
    """Plan what is worth keeping for a run's trials, and have it stored on every node.

    What cannot be planned, such as a network that cannot be built, is left to the trials, whose
    errors the ledger has.

    Args:
        current: The run; learns what was stored, and at what cost.
        study: With what a trial occupies here.
        console: Shows progress.

    Returns:
        The plan, for the trials to follow.
    """
    try:
        plan = planned(study)
    except ThawtuneError as error:
        current.note(f"No features are computed ahead: {error}")
        return NO_PLAN
    for text in plan.notes:
        current.note(text)
    if plan.kept:
        done = extract(study, plan, cache_folder(), console, lambda: current.ending.has_begun)
        for text in done.pop("notes"):
            current.note(text)
        current.take(events.features_stored(cores=_cores(), **done))
    return plan


def _cores() -> float:
    return float(ray.cluster_resources().get("CPU", 1))
