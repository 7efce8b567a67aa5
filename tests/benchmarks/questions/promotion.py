"""F: rungs that stop against rungs that pause and promote, on replayed curves.

Random configurations of `tests.benchmarks.space` are trained to the end, once. Then the rungs of
the search are replayed on their curves in many orders with few workers, each epoch of each worker
one tick: how many epochs does it take until the best of all these accuracies has been seen, as a
share of what training all of them to the end takes? The figures are epochs, and no seconds.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from search.records import events
from search.strategy.successive_halving import Rungs
from spaces.studies.study_file import parse_study
from tests.benchmarks import ours
from tests.benchmarks.arm import Arm, Arms, run_opponent
from tests.benchmarks.configurations import drawn
from tests.benchmarks.opponents.task import Task
from tests.benchmarks.plan import Plan, Size
from tests.benchmarks.results import Entry, entry
from trainables.training.measurement import Measurement

WORKERS, FACTOR = 2, 3
_SEED = 5

Curves = np.ndarray
"""float (configurations, epochs): validation accuracy."""


@dataclass
class Replay:
    """One replayed search.

    Attributes:
        spent: Epochs of all trials.
        found: Epochs that were spent when the best accuracy of all was seen; None if it was not.
    """

    spent: int = 0
    found: int | None = None


def arms(plan: Plan) -> Arms:
    """One, which replays all ways on the same curves."""
    yield Arm("replayed", "replayed", "stop", partial(_measure, plan.replayed, plan.orders))


def _measure(size: Size, orders: int, folder: Path) -> dict[str, Entry]:
    curves = _curves(size, folder)
    ways: dict[str, Callable[[Curves], Replay]] = {
        "stop": partial(replay, promote=False),
        "promote": partial(replay, promote=True),
        "all to the end": _all_to_the_end,
    }
    shuffled = [np.random.default_rng(n).permutation(curves) for n in range(orders)]
    return {name: _entry([way(c) for c in shuffled], size) for name, way in ways.items()}


def _entry(replays: list[Replay], size: Size) -> Entry:
    whole = size.trials * size.epochs
    found = [r.found for r in replays if r.found is not None]
    share = statistics.median(found) / whole if found else None
    spent = statistics.fmean(r.spent for r in replays) / whole
    words = "never" if share is None else f"after {share:.1%} of the full budget (median)"
    counted = f"{len(found)} of {len(replays)} orders"
    note = f"epochs; best found in {counted}, {words}, {spent:.1%} spent"
    return entry(
        None,
        "stop",
        seconds=statistics.median(found) if found else None,
        size=str(size),
        share_until_best=share,
        share_spent=spent,
        found=len(found),
        orders=len(replays),
        note=note,
    )


def replay(curves: Curves, promote: bool) -> Replay:
    """Run the rungs of the search on curves, `WORKERS` trials at a time."""
    rungs, done = _rungs(curves.shape), Replay()
    waiting: set[int] = set()
    new = iter(range(len(curves)))
    reached = dict.fromkeys(range(len(curves)), 0)
    working: list[int] = []
    while True:
        while len(working) < WORKERS:
            following = rungs.promotable(waiting) if promote else None
            trial = next(new, None) if following is None else following
            if trial is None:
                break
            waiting.discard(trial)
            working.append(trial)
        if not working:
            return done
        for trial in list(working):
            _train(curves, trial, reached, rungs, done)
            if _leaves(curves, trial, reached[trial], rungs, promote):
                working.remove(trial)
                if promote and reached[trial] < curves.shape[1]:
                    waiting.add(trial)


def _train(curves: Curves, trial: int, reached: dict[int, int], rungs: Rungs, done: Replay) -> None:
    accuracy = float(curves[trial, reached[trial]])
    reached[trial] += 1
    done.spent += 1
    measurement = Measurement(reached[trial], 0, 0, 0, accuracy, 0, {})
    rungs.take(events.trial_measured(trial, measurement))
    if done.found is None and accuracy >= curves.max():
        done.found = done.spent


def _leaves(curves: Curves, trial: int, epoch: int, rungs: Rungs, promote: bool) -> bool:
    if epoch == curves.shape[1]:
        return True
    if epoch not in rungs.milestones:
        return False
    return promote or not rungs.is_among_the_best(trial, epoch, float(curves[trial, epoch - 1]))


def _all_to_the_end(curves: Curves) -> Replay:
    at = int(np.flatnonzero(curves.ravel() >= curves.max())[0])
    return Replay(curves.size, at + 1)


def _rungs(shape: tuple[int, ...]) -> Rungs:
    budget = {"trials": shape[0], "max_epochs": shape[1], "grace_period": 1}
    values = ours.study([], 1, space=ours.searched_space()) | {"recipes": {}}
    study, problems = parse_study(values | {"budget": budget | {"reduction_factor": FACTOR}})
    if study is None:
        raise ValueError(problems)
    return Rungs(study)


def _curves(size: Size, folder: Path) -> Curves:
    task = Task("many_heads", folder, tuple(drawn(size.trials, _SEED)), size.epochs)
    run_opponent(task)
    curves = np.zeros((size.trials, size.epochs))
    for line in task.lines():
        curves[line["trial"], line["epoch"] - 1] = line["val_accuracy"]
    return curves
