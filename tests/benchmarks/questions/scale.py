"""S: photos of 224 pixels in class folders, from a thousand to a hundred thousand.

Two configurations in one process each, beside `image_dataset_from_directory` and `fit`, which train
them one after the other. `_again` is a second search with the cache of the first. Memory is what a
process has to itself, at the most; mapped files, which the system can drop, do not count. Of what
was written, the ratio to what lies in the cache at the end says whether anything was written twice.
"""

from __future__ import annotations

import itertools
import statistics
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks import ours
from tests.benchmarks.arm import Arm, Arms, run_opponent
from tests.benchmarks.configurations import frozen
from tests.benchmarks.opponents.photos.drawn import SIDE, write_photos
from tests.benchmarks.opponents.task import Task
from tests.benchmarks.plan import Plan
from tests.benchmarks.results import Entry, entry

_TRIALS = 2
_TRAINED = 0.75
"""Share of the photos that are trained on, by ours and by the opponent."""


@dataclass(frozen=True)
class Kind:
    """One way to train.

    Attributes:
        epochs: Of each configuration.
        base: What the study adds to its base.
        options: Of the opponent.
    """

    epochs: int = 1
    base: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()


KINDS = {
    "probe": Kind(),
    "last_block": Kind(epochs=2, base={"unfrozen_depth": ours.LAYERS_OF_BLOCKS[1]}),
    "augmented": Kind(
        base={"flip": "horizontal", "rotation": 20.0, "zoom": 0.1}, options=("augmented",)
    ),
}


def arms(plan: Plan) -> Arms:
    """Ours and the opponent for each number of photos and each way to train."""
    for count, (name, kind) in itertools.product(plan.photos, KINDS.items()):
        key = f"U_{name}_{count}"
        yield Arm(key, "U", key, partial(_ours, key, count, kind))
        other = f"D_{name}_{count}"
        yield Arm(other, "D", key, partial(_opponent, other, key, count, kind))


def scaling_study(photos: Path, kind: Kind) -> dict[str, Any]:
    """The study of one way to train."""
    dataset = {"format": "folders", "path": str(photos), "validation": 0.2, "test": 0.05}
    base = {"image_size": SIDE} | dict(kind.base)
    return ours.study(_configurations(kind), kind.epochs, dataset=dataset, base=base)


def _configurations(kind: Kind) -> list[Any]:
    return [c.slower(0.1) if "unfrozen_depth" in kind.base else c for c in frozen(_TRIALS)]


def _photos(count: int) -> Path:
    """A folder with so many photos, which later benchmarks use too."""
    folder = Path(tempfile.gettempdir()) / "thawtune-photos" / str(count)
    write_photos(folder, count)
    return folder


def _ours(key: str, count: int, kind: Kind, folder: Path) -> dict[str, Entry]:
    study = scaling_study(_photos(count), kind)
    first, again = (ours.search(folder, study, name) for name in ("run", "again"))
    cached = sum(f.stat().st_size for f in (folder / "cache").rglob("*") if f.is_file()) / 2**20
    return {
        key: _of(first, count, key, cached_mb=cached),
        f"{key}_again": _of(again, count, key),
    }


def _of(search: ours.Search, count: int, against: str, **more: float) -> Entry:
    search.refuse_failures(_TRIALS)
    seconds: dict[int, list[float]] = defaultdict(list)
    for line in search.epochs():
        seconds[line["epoch"]].append(line["seconds"]["train"] + line["seconds"]["evaluate"])
    each = [statistics.fmean(seconds[epoch]) for epoch in sorted(seconds)]
    measured = search.measured
    return entry(
        measured,
        against,
        epoch_seconds=each,
        images_a_second=[_TRIALS * _TRAINED * count / one for one in each],
        worker_peak_mb=measured.worker_peak,
        driver_peak_mb=measured.own_memory,
        written_mb=measured.written,
        **more,
    )


def _opponent(key: str, against: str, count: int, kind: Kind, folder: Path) -> dict[str, Entry]:
    task = Task(
        "photos.directory",
        folder,
        tuple(_configurations(kind)),
        kind.epochs,
        depth=kind.base.get("unfrozen_depth", 0),
        options=(str(_photos(count)), *kind.options),
    )
    measured = run_opponent(task)
    each = [statistics.fmean(one) for one in zip(*_epochs(task), strict=True)]
    found = {
        "epoch_seconds": each,
        "images_a_second": [_TRAINED * count / one for one in each],
        "driver_peak_mb": measured.own_memory,
    }
    return {key: entry(measured, against, **found)}


def _epochs(task: Task) -> list[list[float]]:
    """Seconds of each epoch of each configuration."""
    marks, lines = task.marks(), task.lines()
    found = []
    for number in range(len(task.configurations)):
        times = [line["time"] for line in lines if line["trial"] == number]
        moments = itertools.pairwise([marks[f"began_{number}"], *times])
        found.append([after - before for before, after in moments])
    return found
