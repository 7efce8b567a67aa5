"""A: the same trials in all tools, from a frozen list, without early stopping.

Seconds are from the start of a process to its end and count everything: imports, images,
features where the arm has any, and Ray's start. `ratio_without_features` takes an opponent's own
features off its seconds, while ours pays for its own. What each arm is stands in its module in
`opponents`. U_again is a second search with the feature store of the first. Finalists
are not trained again: no opponent does that.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import ours
from tests.benchmarks.arm import Arm, Arms, run_opponent
from tests.benchmarks.configurations import frozen
from tests.benchmarks.opponents.task import Task, last_accuracies
from tests.benchmarks.plan import Plan, Size
from tests.benchmarks.questions.switches import SWITCHES, Switch
from tests.benchmarks.results import Entry, entry

OPPONENTS: dict[str, tuple[str, tuple[str, ...]]] = {
    "P0": ("ray_function", ()),
    "P1": ("ray_function", ("features",)),
    "P2": ("ray_class", ()),
    "K": ("kerastuner", ()),
    "O": ("optuna_alone", ()),
}
"""Module and options of each."""


def arms(plan: Plan) -> Arms:
    """The arms of a plan; those with switches are run where they are named."""
    yield Arm("U", "U", "U", partial(_ours, plan.same, "U"))
    for tool in plan.arms:
        if tool in OPPONENTS:
            live = plan.live if tool == "P0" else plan.same
            yield Arm(tool, tool, "U", partial(_opponent, tool, tool, plan.same, live))
    yield Arm("spread", "spread", "U", partial(_spread, plan))
    if plan.large:
        for tool in ("U", "P2"):
            key, against = f"{tool}_{plan.large}", f"U_{plan.large}"
            measure = _ours if tool == "U" else partial(_opponent, tool)
            sizes = (plan.large, key) if tool == "U" else (key, plan.large, plan.large)
            yield Arm(key, tool, against, partial(measure, *sizes))


def switched(plan: Plan) -> Arms:
    """Ours less one thing at a time."""
    for name, switch in SWITCHES.items():
        key = f"U_without_{name}"
        yield Arm(key, "switches", "U", partial(_switched, plan.same, key, switch))


def _ours(size: Size, key: str, folder: Path) -> dict[str, Entry]:
    study = ours.study(frozen(size.trials), size.epochs)
    first, again = (ours.search(folder, study, name) for name in ("run", "again"))
    entries = {key: _of(first, size, key), f"{key}_again": _of(again, size, key)}
    accuracies = [entries[k]["accuracies"] for k in entries]
    entries[f"{key}_again"]["same_metrics"] = accuracies[0] == accuracies[1]
    return entries


def _of(search: ours.Search, size: Size, against: str, **more: Any) -> Entry:
    search.refuse_failures(size.trials)
    kinds = sorted({kind for line in search.epochs() for kind in line["seconds"]})
    return entry(
        search.measured,
        against,
        size=str(size),
        seconds_by_kind={kind: search.seconds_of(kind) for kind in kinds},
        accuracies=_listed(last_accuracies(search.epochs())),
        **more,
    )


def _switched(size: Size, key: str, switch: Switch, folder: Path) -> dict[str, Entry]:
    study = ours.study(frozen(size.trials), size.epochs, **switch.sections)
    search = ours.search(folder, study, environment=switch.environment)
    return {key: _of(search, size, "U", note=switch.text)}


def _opponent(tool: str, key: str, size: Size, live: Size, folder: Path) -> dict[str, Entry]:
    module, options = OPPONENTS[tool]
    task = Task(module, folder, tuple(frozen(live.trials)), live.epochs, options=options)
    against = "U" if key == tool else f"U_{size}"
    return {key: opponent_entry(task, live, size, against)}


def opponent_entry(task: Task, live: Size, size: Size, against: str) -> Entry:
    """Run an opponent on `live`, and say what `size` takes or would take.

    Raises:
        ValueError: If epochs are missing from its log.
    """
    measured = run_opponent(task)
    lines, marks = task.lines(), task.marks()
    if len(lines) != live.trials * live.epochs:
        raise ValueError(f"{len(lines)} epochs were logged, expected {live}")
    found: dict[str, Any] = {"size": str(live), "features_seconds": marks.get("features", 0.0)}
    if live == size:
        return entry(measured, against, **found, accuracies=_listed(last_accuracies(lines)))
    began = marks["began"] - measured.began
    seconds = estimated(measured.seconds, began, lines, (live, size), marks["at_once"])
    note = f"estimated from {live.trials} trials of {live.epochs} epochs"
    return entry(
        measured, against, **found, seconds=seconds, measured_seconds=measured.seconds, note=note
    )


def estimated(
    seconds: float,
    began: float,
    lines: Sequence[dict[str, Any]],
    sizes: tuple[Size, Size],
    at_once: int,
) -> float:
    """What more and longer trials would take, linearly in both.

    Args:
        seconds: What the smaller size took.
        began: How much of that came before the first trial.
        lines: Its log: an epoch costs what the last one of each trial did.
        sizes: Measured, and asked for.
        at_once: Trials at once.

    Raises:
        ValueError: If the trials have a single epoch.
    """
    live, size = sizes
    epochs = []
    for _, group in itertools.groupby(sorted(lines, key=_trial_and_epoch), lambda e: e["trial"]):
        times = [line["time"] for line in group]
        epochs += [after - before for before, after in itertools.pairwise(times)]
    if not epochs:
        raise ValueError("to tell an epoch's cost from a trial's, trials need two epochs or more")
    more = size.trials * (size.epochs - live.epochs) * statistics.fmean(epochs) / at_once
    return began + (seconds - began) * size.trials / live.trials + more


def _trial_and_epoch(line: dict[str, Any]) -> tuple[int, int]:
    return line["trial"], line["epoch"]


def _spread(plan: Plan, folder: Path) -> dict[str, Entry]:
    count, seeds = plan.spread
    epochs = plan.same.epochs
    task = Task("spread", folder, tuple(frozen(count)), epochs, options=(seeds,))
    measured = run_opponent(task)
    last = [line for line in task.lines() if line["epoch"] == epochs]
    by_seed = [[e["val_accuracy"] for e in last if e["trial"] == n] for n in range(count)]
    note = f"plain Keras, {count} configurations with {seeds} seeds each: no opponent"
    found = entry(measured, "none", size=str(plan.same), by_seed=by_seed, note=note)
    return {"spread": found}


def _listed(accuracies: dict[int, float]) -> list[float]:
    return [round(accuracies[number], 5) for number in sorted(accuracies)]
