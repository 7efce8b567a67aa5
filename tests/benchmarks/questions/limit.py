"""E: how far a head-only search is from what the machine can do.

The limit is the backbone's forward pass over all training and validation images once, at the rate
measured on all cores, and then the arithmetic of the heads: every update and every evaluation of
every trial at the rate of a bare loop that has nothing but the products of matrices and Adam's
formulas, evenly spread over the cores. It has no imports, no start of Ray, no reading of images,
no bookkeeping. `times_limit` is ours, cold and with everything counted, over that;
`search_times_limit` leaves out what comes before the driver's first event and after its last.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.benchmarks import ours
from tests.benchmarks.arm import Arm, Arms, run_opponent
from tests.benchmarks.configurations import frozen
from tests.benchmarks.opponents.limit import bare_seconds
from tests.benchmarks.opponents.task import Task
from tests.benchmarks.plan import Plan, Size
from tests.benchmarks.results import Entry, entry

TRAINING_IMAGES = 1077


def arms(plan: Plan) -> Arms:
    """One for each size, which measures the limit and ours."""
    for size in plan.limit:
        yield Arm(f"limit_{size}", "limit", f"U_{size}", partial(_measure, size))


def _measure(size: Size, folder: Path) -> dict[str, Entry]:
    limit, own = f"limit_{size}", f"U_{size}"
    (folder / "limit").mkdir()
    configurations = tuple(frozen(size.trials))
    task = Task("limit", folder / "limit", configurations, size.epochs)
    measured = run_opponent(task)
    marks = task.marks()
    heads = bare_seconds(marks, configurations, TRAINING_IMAGES, size.epochs)
    seconds = marks["forward"] + heads
    search = ours.search(folder, ours.study(configurations, size.epochs))
    search.refuse_failures(size.trials)
    driven = (
        search.events("driver_stopped")[-1]["time"] - search.events("driver_started")[0]["time"]
    )
    return {
        limit: entry(
            measured,
            own,
            seconds=seconds,
            forward_seconds=marks["forward"],
            heads_seconds=heads,
            note="backbone once, and bare arithmetic of the heads",
        ),
        own: entry(
            search.measured,
            own,
            size=str(size),
            times_limit=search.measured.seconds / seconds,
            search_seconds=driven,
            search_times_limit=driven / seconds,
        ),
    }
