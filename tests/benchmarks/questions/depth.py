"""C: the head alone, the last block, and the last two blocks of the backbone unfrozen.

P0 trains with the backbone in the model and batch norm frozen. Learning rates of trials that
unfreeze anything are a tenth of the list's.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tests.benchmarks import ours
from tests.benchmarks.arm import Arm, Arms
from tests.benchmarks.configurations import frozen
from tests.benchmarks.opponents.task import Task
from tests.benchmarks.plan import Plan, Size
from tests.benchmarks.questions.same_trials import opponent_entry
from tests.benchmarks.results import Entry, entry
from tests.benchmarks.space import Configuration

NAMES = ("head", "last_block", "last_two_blocks")


def arms(plan: Plan) -> Arms:
    """Ours and P0 at each depth of a plan."""
    for blocks in plan.thawed:
        key = f"U_{NAMES[blocks]}"
        yield Arm(key, "U", key, partial(_ours, plan, blocks))
        yield Arm(f"P0_{NAMES[blocks]}", "P0", key, partial(_plain, plan, blocks))


def _configurations(size: Size, blocks: int) -> list[Configuration]:
    return [c.slower(0.1) if blocks else c for c in frozen(size.trials)]


def _ours(plan: Plan, blocks: int, folder: Path) -> dict[str, Entry]:
    size, key = plan.depth, f"U_{NAMES[blocks]}"
    base = {"unfrozen_depth": ours.LAYERS_OF_BLOCKS[blocks]}
    study = ours.study(_configurations(size, blocks), size.epochs, base=base)
    search = ours.search(folder, study)
    search.refuse_failures(size.trials)
    features = search.seconds_of("features")
    return {key: entry(search.measured, key, size=str(size), trials_feature_seconds=features)}


def _plain(plan: Plan, blocks: int, folder: Path) -> dict[str, Entry]:
    live, depth = plan.depth_live, ours.LAYERS_OF_BLOCKS[blocks]
    listed = tuple(_configurations(live, blocks))
    task = Task("ray_function", folder, listed, live.epochs, depth=depth)
    name = NAMES[blocks]
    return {f"P0_{name}": opponent_entry(task, live, plan.depth, f"U_{name}")}
