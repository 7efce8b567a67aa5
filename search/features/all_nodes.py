"""Planned features, computed before the trials start, on all cores of all nodes."""

from __future__ import annotations

import dataclasses
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from search.cluster.machines import Machine, nodes_up
from search.cluster.placement import host_threads
from search.features.one_node import NodeExtraction, Tally
from search.features.plan_cache import remember_entries, remembered_entries
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Study
from trainables.cache.folder import cache_for_workers, use_cache
from trainables.cache.rows.entry_store import EntryStore
from trainables.datasets.sets.recorded import RecordedSets
from trainables.features.plan.extraction_task import ExtractionTask
from trainables.features.plan.plan import Plan

_POLL_SECONDS = 0.1
_END_SECONDS = 10.0
_NO_NODE = "No node is up yet to compute features in advance; the trials compute them."


def extract(
    study: Study,
    plan: Plan,
    console: Console,
    is_ending: Callable[[], bool] = lambda: False,
    sets: RecordedSets | None = None,
) -> dict[str, Any]:
    """Store all planned features on every node, unless they are stored there. Needs Ray.

    If features cannot be computed here, the trials try, and the ledger records their errors.

    Args:
        study: A task occupies as much as one of its trials.
        plan: What to store.
        console: Shows a progress bar if it is a terminal, otherwise a line at the end.
        is_ending: Whether to stop before the next network.

    Returns:
        `seconds` of the clock, `bytes` written, `hits` and `misses` (rows that were stored
        before, and that were computed), `images` that went through a backbone, and `notes`.
    """
    began = time.perf_counter()
    tasks = _tasks(study, plan, sets)
    keys = remembered_entries(study, tasks)
    able = nodes_for(study)
    nodes = able if keys is None else _nodes_without(able, keys)
    asked = (plan.images or 0) * sum(len(task.cuts) for task in tasks)
    tally = Tally(hits=asked * (len(able) - len(nodes)))
    if tasks and not able:
        tally.notes = (_NO_NODE,)
    if nodes and tasks:
        done, keys = _extracted(study, plan, tasks, nodes, console, is_ending)
        tally.add(done)
    for key in keys or ():
        EntryStore().hold(key)
    result = {"seconds": time.perf_counter() - began, **dataclasses.asdict(tally)}
    if tally.misses and not console.is_terminal:
        console.print(
            f"features: {tally.misses:,} rows computed, {tally.hits:,} found, "
            f"{tally.bytes / 1e6:.1f} MB, of {tally.images:,} images in {result['seconds']:.1f} s",
            highlight=False,
        )
    return result


def _tasks(study: Study, plan: Plan, sets: RecordedSets | None) -> list[ExtractionTask]:
    """One task for each network."""
    cuts: dict[Hyperparameters, list[str]] = defaultdict(list)
    for row in plan.kept:
        cuts[row.point].append(row.boundary)
    resources = study.resources
    return [
        ExtractionTask(
            study.dataset,
            sets,
            point,
            tuple(names),
            cache_for_workers(),
            host_threads(resources),
            resources.gpu or 0,
            resources.precision,
            resources.feature_dtype,
        )
        for point, names in cuts.items()
    ]


def _extracted(
    study: Study,
    plan: Plan,
    tasks: Sequence[ExtractionTask],
    nodes: Sequence[str],
    console: Console,
    is_ending: Callable[[], bool],
) -> tuple[Tally, list[str]]:
    """Run the tasks one after the other, each on all nodes at once."""
    tally, keys = Tally(), []
    actors = [_actor(study, node) for node in nodes]
    total = (plan.images or 0) * len(tasks) * len(nodes)
    with _bar(console, total) as advance:
        for task in tasks:
            running = [actor.run.remote(task) for actor in actors]
            left = running
            while left and not is_ending():
                _, left = ray.wait(left, num_returns=len(left), timeout=_POLL_SECONDS)
                advance(actors)
            if is_ending():
                break
            for answer in running:
                try:
                    done, its_keys = ray.get(answer)
                except RayError as error:
                    tally.notes += (_left_to_trials(error),)
                    continue
                tally.add(done)
                keys += [key for key in its_keys if key not in keys]
                remember_entries(study, task, its_keys)
    _end(actors)
    return tally, keys


def _end(actors: Sequence[Any]) -> None:
    """End all workers, so that the trials have the GPUs for themselves."""
    ray.wait(
        [actor.end.remote() for actor in actors], num_returns=len(actors), timeout=_END_SECONDS
    )
    for actor in actors:
        ray.kill(actor)


def _left_to_trials(error: RayError) -> str:
    cause = getattr(error, "cause", None) or error
    last = str(cause).strip().splitlines()[-1]
    return f"Features could not be computed in advance; the trials compute them: {last}"


@contextmanager
def _bar(console: Console, images: int) -> Iterator[Any]:
    """Yields a function that shows the progress of actors."""
    if not console.is_terminal:
        yield _silent
        return
    columns = (TextColumn("features"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("features", total=images)

        def advance(actors: Sequence[Any]) -> None:
            counts = [actor.images_done.remote() for actor in actors]
            ready, _ = ray.wait(counts, num_returns=len(counts), timeout=1)
            try:
                bar.update(task, completed=sum(ray.get(ready)))
            except RayError:
                return  # `run` of the lost actor raises it too

        yield advance


def _silent(actors: Sequence[Any]) -> None:
    pass


def _actor(study: Study, node: str) -> Any:
    slots = max(1, _slots(nodes_up()[node], study))
    kind = ray.remote(NodeExtraction).options(
        num_cpus=0,
        max_concurrency=2,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
    )
    return kind.remote(node, slots, _resources(study))


def _resources(study: Study) -> dict[str, float]:
    """What a task occupies: as much as a trial."""
    return {"num_cpus": study.resources.cpu, "num_gpus": study.resources.gpu or 0}


def nodes_for(study: Study) -> list[str]:
    """Ray's ids of the nodes that can run trials."""
    return [node for node, machine in nodes_up().items() if _slots(machine, study)]


def _slots(machine: Machine, study: Study) -> int:
    return machine.slots(study.resources.cpu, study.resources.gpu or 0)


def _nodes_without(nodes: Sequence[str], keys: Sequence[str]) -> list[str]:
    """Those of some nodes that lack any of these entries."""
    here = ray.get_runtime_context().get_node_id()
    answers: dict[str, Any] = {}
    for node in nodes:
        if node != here:
            there = NodeAffinitySchedulingStrategy(node, soft=False)
            task = ray.remote(_has_all).options(num_cpus=0, scheduling_strategy=there)
            answers[node] = task.remote(cache_for_workers(), keys)
    lacking = [here] if here in nodes and not _has_all(None, keys) else []
    return lacking + [node for node, answer in answers.items() if not ray.get(answer)]


def _has_all(cache: str | None, keys: Sequence[str]) -> bool:
    use_cache(cache)
    store = EntryStore()
    return all(key in store for key in keys)
