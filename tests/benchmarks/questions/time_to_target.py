"""B: time until a search has found what was fixed beforehand as good enough.

The target is 99 % of the best validation accuracy of a large reference (`reference`). Each tool
draws from the same space with its own sampler and its own pruning, until it has reached the target
or the plan's patience is at its end; seconds are from the start of
its process, features included, to the end of the epoch that reached the target. Winners (the best
epoch that a search has seen) are trained anew in plain Keras and scored on the test images.
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import ours
from tests.benchmarks.arm import Arm, Arms, run_opponent
from tests.benchmarks.opponents.task import Task
from tests.benchmarks.plan import Plan
from tests.benchmarks.process import Measured
from tests.benchmarks.reference import target_accuracy
from tests.benchmarks.results import Entry, entry
from tests.benchmarks.space import Configuration

TOOLS: dict[str, tuple[str, tuple[str, ...], str]] = {
    "KH": ("kerastuner", ("hyperband",), "KerasTuner's Hyperband"),
    "KB": ("kerastuner", ("bayesian",), "KerasTuner's BayesianOptimization"),
    "O": ("optuna_alone", (), "Optuna's TPE with its SuccessiveHalvingPruner"),
    "R": ("ray_asha", (), "Ray Tune's OptunaSearch with ASHA on the trainable of P2"),
}
"""Module, options and what it is."""

Epochs = Sequence[dict[str, Any]]
Enough = Callable[[Epochs], bool]


def arms(plan: Plan) -> Arms:
    """The tools of a plan."""
    for tool in plan.tools:
        yield Arm(tool, tool, "U", partial(_measure, tool, plan))


def _measure(tool: str, plan: Plan, folder: Path) -> dict[str, Entry]:
    target = target_accuracy()
    seconds, winners, runs = [], [], []
    for seed in range(plan.seeds):
        own = folder / str(seed)
        own.mkdir()
        run = _ours if tool == "U" else partial(_opponent, tool)
        measured, epochs = run(plan, seed, own, _enough(target, plan.patience))
        runs.append(measured)
        seconds.append(seconds_to(target, epochs, measured.began))
        winners.append(best(epochs))
    scores = _scores(folder, winners)
    note = "thawtune's TPE with ASHA" if tool == "U" else TOOLS[tool][2]
    return {tool: summed_up(seconds, runs, target, note) | {"test_accuracy": scores}}


def seconds_to(target: float, epochs: Epochs, began: float) -> float:
    """From `began` to the first epoch that reached the target; infinite if none did."""
    times = [line["time"] for line in epochs if line["val_accuracy"] >= target]
    return min(times) - began if times else math.inf


def best(epochs: Epochs) -> dict[str, Any]:
    """The epoch with the highest validation accuracy, the earliest of several."""
    return min(epochs, key=lambda line: (-line["val_accuracy"], line["time"]))


def summed_up(
    seconds: Sequence[float], runs: Sequence[Measured], target: float, note: str
) -> Entry:
    """The entry of a tool: the median, and the range over the seeds.

    A search that never got there counts as longer than any that did. Where that is the median, the
    entry has no seconds and says so.
    """
    reached = [s for s in seconds if math.isfinite(s)]
    median = statistics.median(seconds)
    found: dict[str, Any] = {
        "seconds": median if math.isfinite(median) else None,
        "low": min(reached, default=None),
        "high": max(reached) if len(reached) == len(seconds) else None,
        "reached": f"{len(reached)} of {len(seconds)}",
        "cpu_seconds": statistics.median(run.cpu_seconds for run in runs),
        "load": max(run.load for run in runs),
        "whole_run_seconds": statistics.median(run.seconds for run in runs),
        "target": target,
        "note": note,
    }
    if not math.isfinite(median):
        found["failed"] = f"the target was reached by {len(reached)} of {len(seconds)} searches"
    return entry(None, "U", **found)


def _enough(target: float, patience: float) -> Enough:
    """Whether a search, which begins now, need not go on."""
    latest = time.monotonic() + patience
    return lambda epochs: (
        time.monotonic() > latest or any(line["val_accuracy"] >= target for line in epochs)
    )


def _opponent(
    tool: str, plan: Plan, seed: int, folder: Path, enough: Enough
) -> tuple[Measured, Epochs]:
    module, options, _ = TOOLS[tool]
    budget = plan.budget
    task = Task(
        module, folder, epochs=budget.epochs, trials=budget.trials, seed=seed, options=options
    )
    measured = run_opponent(task, lambda: enough(task.lines()))
    return measured, task.lines()


def _ours(plan: Plan, seed: int, folder: Path, enough: Enough) -> tuple[Measured, Epochs]:
    search = ours.search(folder, searching_study(plan, seed), until=enough)
    return search.measured, search.epochs()


def searching_study(plan: Plan, seed: int) -> dict[str, Any]:
    """A study without recipes, that searches as the others do."""
    budget = {
        "trials": plan.budget.trials,
        "max_epochs": plan.budget.epochs,
        "grace_period": 1,
        "reduction_factor": 3,
    }
    return ours.study((), 1, space=ours.searched_space(), budget=budget, seed=seed)


def _scores(folder: Path, winners: Sequence[dict[str, Any]]) -> list[float]:
    """Accuracy on the test images of each winner, trained anew."""
    own = folder / "winners"
    own.mkdir()
    configurations = tuple(map(Configuration.from_dict, winners))
    epochs = tuple(line["epoch"] for line in winners)
    task = Task("winners", own, configurations, options=epochs)
    run_opponent(task)
    return [round(score, 4) for score in task.marks()["test_accuracies"]]
