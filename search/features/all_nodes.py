"""Planned features, computed before the trials begin by all cores of all nodes."""

from __future__ import annotations

import dataclasses
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from search.features.one_node import NodeExtraction, Tally, is_whole
from search.features.plan_cache import remember_entries, remembered_entries
from spaces.study import Study
from trainables.cache.entry import ARRAY
from trainables.cache.leases import take_lease
from trainables.features.plan.plan import Plan
from trainables.features.plan.work import Work

_POLL_SECONDS = 0.1


def extract(
    study: Study,
    plan: Plan,
    cache_folder: Path,
    console: Console,
    is_ending: Callable[[], bool] = lambda: False,
) -> dict[str, Any]:
    """Have all that is planned stored on every node; what is there is left alone. Needs Ray.

    What cannot be computed here is left to the trials, whose errors the ledger has.

    Args:
        study: Says what a task may occupy: as much as a trial.
        plan: What to keep.
        cache_folder: The same on all nodes.
        console: Has a progress bar if it is a terminal, and else a line at the end.
        is_ending: Whether to leave it at what is done.

    Returns:
        `seconds` of the clock, `bytes` written, `hits` and `misses` (entries that were there, and
        that were not), `images` that went through a backbone, and `notes` in sentences.
    """
    began = time.perf_counter()
    works = _works(study, plan, cache_folder)
    names = remembered_entries(study, works)
    nodes = nodes_for(study) if names is None else _nodes_without(study, cache_folder, names)
    tally = Tally(hits=len(names or ()) if not nodes else 0)
    if nodes and works:
        tally, names = _extracted(study, plan, works, nodes, console, is_ending)
    for name in names or ():
        _hold(cache_folder / "features" / name)
    result = {"seconds": time.perf_counter() - began, **dataclasses.asdict(tally)}
    if tally.misses and not console.is_terminal:
        console.print(
            f"features: {tally.misses} entries, {tally.bytes / 1e6:.1f} MB, of {tally.images} "
            f"images in {result['seconds']:.1f} s",
            highlight=False,
        )
    return result


def _works(study: Study, plan: Plan, cache_folder: Path) -> list[Work]:
    """What is kept, by network."""
    names: dict[str, list[str]] = defaultdict(list)
    for row in plan.kept:
        names[json.dumps(row.point)].append(row.boundary)
    dataset = study.dataset.model_dump(mode="json")
    threads, gpu = max(1, int(study.resources.cpu)), study.resources.gpu or 0
    return [
        Work(dataset, json.loads(point), tuple(cuts), str(cache_folder), threads, gpu)
        for point, cuts in names.items()
    ]


def _extracted(
    study: Study,
    plan: Plan,
    works: Sequence[Work],
    nodes: Sequence[str],
    console: Console,
    is_ending: Callable[[], bool],
) -> tuple[Tally, list[str]]:
    """All networks, one after the other on each node, the nodes side by side."""
    tally, names = Tally(), []
    actors = [_actor(study, node) for node in nodes]
    total = (plan.images or 0) * len(works) * len(nodes)
    with _bar(console, total) as advance:
        for work in works:
            running = [actor.run.remote(work) for actor in actors]
            left = running
            while left and not is_ending():
                _, left = ray.wait(left, num_returns=len(left), timeout=_POLL_SECONDS)
                advance(actors)
            if is_ending():
                break
            for task in running:
                try:
                    done, names_of_work = ray.get(task)
                except RayError as error:
                    tally.notes += (_left_to_trials(error),)
                    continue
                tally.add(done)
                names += [name for name in names_of_work if name not in names]
                remember_entries(study, work, names_of_work)
    for actor in actors:
        ray.kill(actor)
    return tally, names


def _left_to_trials(error: RayError) -> str:
    cause = getattr(error, "cause", None) or error
    last = str(cause).strip().splitlines()[-1]
    return f"Features could not be computed ahead, trials compute them: {last}"


@contextmanager
def _bar(console: Console, images: int) -> Iterator[Any]:
    """A function that shows how far actors are."""
    if not console.is_terminal:
        yield _silent
        return
    columns = (TextColumn("features"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("features", total=images)

        def advance(actors: Sequence[Any]) -> None:
            told = [actor.images_done.remote() for actor in actors]
            ready, _ = ray.wait(told, num_returns=len(told), timeout=1)
            try:
                bar.update(task, completed=sum(ray.get(ready)))
            except RayError:
                return  # the run of a lost actor tells it

        yield advance


def _silent(actors: Sequence[Any]) -> None:
    pass


def _actor(study: Study, node: str) -> Any:
    cpus = next(n["Resources"].get("CPU", 1) for n in ray.nodes() if n["NodeID"] == node)
    slots = max(1, int(cpus / study.resources.cpu))
    kind = ray.remote(NodeExtraction).options(
        num_cpus=0,
        max_concurrency=2,
        scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
    )
    return kind.remote(node, slots, _resources(study))


def _resources(study: Study) -> dict[str, float]:
    """What a task occupies: what a trial does."""
    return {"num_cpus": study.resources.cpu, "num_gpus": study.resources.gpu or 0}


def nodes_for(study: Study) -> list[str]:
    """Ray's names of the nodes that can run trials."""
    return [
        node["NodeID"]
        for node in ray.nodes()
        if node["Alive"] and node["Resources"].get("CPU", 0) >= study.resources.cpu
    ]


def _nodes_without(study: Study, cache_folder: Path, names: Sequence[str]) -> list[str]:
    """Nodes that lack one of these entries."""
    folders = [cache_folder / "features" / name for name in names]
    here = ray.get_runtime_context().get_node_id()
    answers: dict[str, Any] = {}
    for node in nodes_for(study):
        if node != here:
            there = NodeAffinitySchedulingStrategy(node, soft=False)
            task = _has_all.options(num_cpus=0, scheduling_strategy=there)
            answers[node] = task.remote(folders)
    lacking = [] if all(map(is_whole, folders)) else [here]
    return lacking + [node for node, answer in answers.items() if not ray.get(answer)]


def _hold(folder: Path) -> None:
    """Keep an entry of this node from being evicted while this process lives."""
    try:
        take_lease(folder / ARRAY)
    except FileNotFoundError:
        return  # another node's


@ray.remote
def _has_all(folders: Sequence[Path]) -> bool:
    return all(map(is_whole, folders))
