"""D: how ours grows with trials, with workers and with images.

Trials: one worker, heads of one size for one epoch, proposed by TPE. The driver's time for a trial
is from the end of the trial before to its own end, less the seconds that it says it took itself;
of the 10th and of the last it is the median over ten trials around it. Memory: by how much the
largest worker has grown since its 10th trial.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tests.benchmarks import ours
from tests.benchmarks.arm import Arm, Arms
from tests.benchmarks.configurations import frozen
from tests.benchmarks.plan import Plan
from tests.benchmarks.results import Entry, entry

_WORKER_TRIALS, _WORKER_EPOCHS = 48, 5
_IMAGE_TRIALS, _IMAGE_EPOCHS = 8, 3
_SETTLED = 10
"""Trials after which a worker has what it needs."""


def arms(plan: Plan) -> Arms:
    """One for each number of trials, workers and images."""
    for count in plan.growing:
        key = f"trials_{count}"
        yield Arm(key, "trials", key, partial(_trials, count, key))
    for count in plan.workers:
        key = f"workers_{count}"
        yield Arm(key, "workers", f"workers_{plan.workers[0]}", partial(_workers, count, plan))
    for count in plan.images:
        key = f"images_{count}"
        yield Arm(key, "images", f"images_{plan.images[0]}", partial(_images, count, plan))


def _trials(count: int, key: str, folder: Path) -> dict[str, Entry]:
    search = ours.search(folder, growing_study(count))
    search.refuse_failures(count)
    ends = [(e["trial"], e["time"]) for e in search.events("trial_ended")]
    overheads = driver_seconds(ends, search.trial_seconds())
    found = {
        "driver_ms_a_trial": 1000 * statistics.fmean(overheads),
        "driver_ms_10th": 1000 * around(10, overheads),
        "driver_ms_last": 1000 * around(count, overheads),
        "worker_growth_mb": memory_growth(search.measured.memory, ends),
        "note": "one worker, one epoch a trial",
    }
    return {key: entry(search.measured, key, **found)}


def growing_study(count: int) -> dict[str, Any]:
    """Trials of one cost: only learning rate and dropout are searched."""
    space = ours.searched_space()
    return ours.study(
        (),
        1,
        base={"dense_units": [64], "batch_size": 64},
        space={name: space[name] for name in ("learning_rate", "dropout")},
        budget={"trials": count, "max_epochs": 1},
        resources={"cpu": 1, "concurrent": 1},
    )


def driver_seconds(ends: Sequence[tuple[int, float]], own: dict[int, float]) -> list[float]:
    """What a trial cost beyond itself, from the second on.

    Args:
        ends: Trial and time of each end, in their order, one worker.
        own: Seconds that each trial says that it took.
    """
    return [time - before - own[trial] for (_, before), (trial, time) in itertools.pairwise(ends)]


def around(number: int, overheads: Sequence[float]) -> float:
    """The median of ten trials around this one, or of the ten nearest that there are."""
    last = min(len(overheads), max(number - 2 + 5, 10))
    return statistics.median(overheads[max(0, last - 10) : last])


def memory_growth(
    samples: dict[int, list[tuple[float, float]]], ends: Sequence[tuple[int, float]]
) -> float | None:
    """MB by which the worker that grew most has grown since the tenth trial ended.

    Args:
        samples: (seconds since 1970, MB) of each worker.
        ends: Trial and time of each end.
    """
    if len(ends) <= _SETTLED:
        return None
    settled = ends[_SETTLED - 1][1]
    later = [[mb for time, mb in one if time >= settled] for one in samples.values()]
    return max((max(one) - one[0] for one in later if one), default=None)


def _workers(count: int, plan: Plan, folder: Path) -> dict[str, Entry]:
    resources = {"cpu": 0.25, "concurrent": count}
    study = ours.study(frozen(_WORKER_TRIALS), _WORKER_EPOCHS, resources=resources)
    search = ours.search(folder, study)
    search.refuse_failures(_WORKER_TRIALS)
    note = f"{_WORKER_TRIALS} trials of {_WORKER_EPOCHS} epochs"
    against = f"workers_{plan.workers[0]}"
    return {f"workers_{count}": entry(search.measured, against, note=note)}


def _images(count: int, plan: Plan, folder: Path) -> dict[str, Entry]:
    data = folder / "noise"
    write_noise(data, count)
    dataset = {"format": "idx", "path": str(data), "validation": 0.2}
    study = ours.study(frozen(_IMAGE_TRIALS), _IMAGE_EPOCHS, dataset=dataset)
    search = ours.search(folder, study)
    search.refuse_failures(_IMAGE_TRIALS)
    note = f"noise of 28 by 28 pixels, {_IMAGE_TRIALS} trials of {_IMAGE_EPOCHS} epochs"
    against = f"images_{plan.images[0]}"
    return {f"images_{count}": entry(search.measured, against, note=note)}


def write_noise(folder: Path, count: int) -> None:
    """IDX files of so many grey images in all, a tenth of them for testing, ten classes.

    The class shows as brightness, so that there is something to learn.
    """
    folder.mkdir()
    chance = np.random.default_rng(0)
    for name, share in (("train", count - count // 10), ("t10k", count // 10)):
        labels = (np.arange(share) % 10).astype(np.uint8)
        noise = chance.integers(0, 100, (share, 28, 28), np.uint8)
        images = noise + 15 * labels[:, None, None]
        _write_idx(folder / f"{name}-images-idx3-ubyte", images.astype(np.uint8))
        _write_idx(folder / f"{name}-labels-idx1-ubyte", labels)


def _write_idx(path: Path, array: np.ndarray) -> None:
    header = bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4) for n in array.shape)
    path.write_bytes(header + array.tobytes())
