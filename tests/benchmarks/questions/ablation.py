"""What each ingredient of fine-tuning adds: `python -m tests.benchmarks.questions.ablation`.

Each row trains the recipe that a written study begins with, everything thawed after an epoch of the
head, with one thing added or changed. All rows of a seed see one split and are compared on its
validation images; nothing reads the test set. Trainings run one at a time, each in a worker of its
own, so that time and memory are their own; time is the CPU's, which others on the machine change
less than the clock's.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from spaces.backbones import BACKBONES
from spaces.hyperparameters import Hyperparameters
from tests.benchmarks import ours
from tests.benchmarks.process import Measured
from tests.benchmarks.questions.ablation_table import Row, markdown
from tests.benchmarks.questions.ingredients import HALF, INGREDIENTS, WHOLE, Ingredient
from tests.benchmarks.results import FOLDER, about

BACKBONE = "EfficientNetLite0"
_BUILDING = 2
"""Epochs that build graphs: the head's first, and the first after the thaw."""
SPLITS = 100
"""Seed of the first split: those of published comparisons, whose test sets decide there, are small
numbers."""

_RECIPE = {
    "head_epochs": 1,
    "learning_rate": 2e-3,
    "thaw_learning_rate": 1e-4,
    "decay": "cosine",
    "batch_size": 32,
    "ema_momentum": 0.0,
    "layer_decay": 1.0,
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """What is trained on, and for how long.

    Attributes:
        dataset: Keys of the study's dataset section, without path and seed.
        image_size: Pixels a side.
        epochs: Of each training.
        flip: Of the recipe that thaws everything.
    """

    dataset: Mapping[str, Any]
    image_size: int
    epochs: int
    flip: str = "both"

    def smaller(self, subset: int | None, image_size: int | None, epochs: int | None) -> Setting:
        """This with fewer images, smaller ones, or fewer epochs, where given."""
        dataset = dict(self.dataset) | ({} if subset is None else {"subset": subset})
        return Setting(dataset, image_size or self.image_size, epochs or self.epochs, self.flip)


SETTINGS = {
    "fashion_mnist": Setting({"format": "idx", "subset": 6000, "validation": 0.2}, 64, 8),
    "elpv": Setting({"format": "folders", "validation": 0.2, "test": 0.2}, 96, 8),
}
"""By dataset. ELPV's images lie in two folders, by a probability of a defect of 0.5 or more."""


def main() -> None:
    """Measure seed by seed, and write the results and their table after each."""
    given = _arguments()
    setting = SETTINGS[given.dataset].smaller(given.subset, given.image_size, given.epochs)
    path = given.output / f"ablation_{given.dataset}.json"
    for seed in given.seeds:
        for group in (WHOLE, HALF):
            listed = [i for i in INGREDIENTS if i.group == group and i.name in given.only]
            if listed:
                rows = measured(
                    study(setting, given.path.absolute(), seed, listed), seed, given.minutes
                )
                write(path, setting, rows)
                print(f"seed {seed}, {group}: {len(rows)} trainings", flush=True)
    print(path.with_suffix(".md").read_text())


def measured(values: Mapping[str, Any], seed: int, minutes: float) -> list[Row]:
    """Search a study in a fresh folder, for some minutes at the most."""
    end = time.monotonic() + 60 * minutes
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        search = ours.search(
            Path(folder),
            values,
            environment={"THAWTUNE_WORKER_LIMIT": "1MB"},  # a new worker for each training
            until=lambda _: time.monotonic() > end,
        )
        return rows_of(search, seed)


def study(setting: Setting, path: Path, seed: int, listed: Sequence[Ingredient]) -> dict[str, Any]:
    """A study whose recipes are the rows: recipes are never stopped early.

    Args:
        setting: What is trained on.
        path: Of the images.
        seed: Of trainings and split.
        listed: Ingredients of one group.
    """
    recipes = {one.name: values_of(one, setting.flip) for one in listed}
    return ours.study(
        (),
        setting.epochs,
        dataset={**setting.dataset, "path": str(path), "seed": SPLITS + seed},
        base={"backbone": BACKBONE, "image_size": setting.image_size},
        space=_space(recipes.values()),
        recipes=recipes,
        budget={
            "trials": len(listed),
            "max_epochs": setting.epochs,
            "grace_period": setting.epochs,
        },
        resources={"cpu": 1, "concurrent": 1},
        seed=seed,
    )


def values_of(ingredient: Ingredient, flip: str) -> dict[str, Any]:
    """The recipe with an ingredient."""
    layers = BACKBONES[BACKBONE]
    thawed: dict[str, Any] = {"unfrozen_depth": layers, "flip": flip}
    if ingredient.group == HALF:
        thawed = {"unfrozen_depth": layers // 2}
    values = thawed | _RECIPE | dict(ingredient.values)
    if values.get("optimizer") == "schedule_free":
        del values["ema_momentum"]
    return values


def _space(recipes: Collection[Mapping[str, Any]]) -> dict[str, Any]:
    """The smallest space in which the recipes lie."""
    points = [Hyperparameters.from_dict(values).to_dict() for values in recipes]
    found: dict[str, Any] = {}
    for name in dict.fromkeys(name for values in recipes for name in values):
        values = [point[name] for point in points if point[name] is not None]
        found[name] = {"choices": list(dict.fromkeys(values))}
    if "optimizer" in found and "ema_momentum" in found:
        averaged = [one for one in found["optimizer"]["choices"] if one != "schedule_free"]
        found["ema_momentum"]["when"] = {"optimizer": averaged}
    return found


def rows_of(search: ours.Search, seed: int) -> list[Row]:
    """The trainings that were completed."""
    names = {e["trial"]: e["recipe"] for e in search.events("trial_proposed")}
    ended = [e for e in search.events("trial_ended") if e["state"] == "COMPLETE"]
    lines = search.epochs()
    return [
        _row(
            names[end["trial"]],
            seed,
            [line for line in lines if line["trial"] == end["trial"]],
            search.measured,
        )
        for end in ended
    ]


def _row(
    name: str,
    seed: int,
    epochs: Sequence[Mapping[str, Any]],
    measured: Measured,
) -> Row:
    """A training by its epochs and by what its worker took."""
    began, ended = epochs[0]["time"] - sum(epochs[0]["seconds"].values()), epochs[-1]["time"]
    best = max(epoch["val_accuracy"] for epoch in epochs)
    spent = seconds_an_epoch(measured.spent, [epoch["time"] for epoch in epochs])
    return Row(name, seed, best, spent, peak(measured.memory, began, ended))


Samples = Mapping[int, Sequence[tuple[float, float]]]
"""Of each process, (seconds since 1970, a value)."""


def peak(memory: Samples, began: float, ended: float) -> float | None:
    """MB of the largest worker between two times; None if it was not looked at then."""
    seen = [mb for one in memory.values() for time, mb in one if began <= time <= ended]
    return max(seen, default=None)


def seconds_an_epoch(spent: Samples, ends: Sequence[float]) -> float | None:
    """CPU seconds of an epoch, of the worker that spent most, once the first two are over.

    The first epoch of the head and of the whole network also build graphs.

    Args:
        spent: CPU seconds.
        ends: When each epoch ended.
    """
    if len(ends) <= _BUILDING:
        return None
    began, ended = ends[_BUILDING - 1], ends[-1]
    seen = [[s for time, s in one if began <= time <= ended] for one in spent.values()]
    most = max((one[-1] - one[0] for one in seen if one), default=0.0)
    return most / (len(ends) - _BUILDING) or None


def write(path: Path, setting: Setting, rows: Sequence[Row]) -> None:
    """Merge rows into the results of the same setting, and write the table beside them."""
    old = json.loads(path.read_text()) if path.is_file() else {"setting": None}
    same = old["rows"] if old["setting"] == dataclasses.asdict(setting) else []
    kept = {(row["ingredient"], row["seed"]): row for row in same}
    kept |= {(row.ingredient, row.seed): dataclasses.asdict(row) for row in rows}
    values = {"setting": dataclasses.asdict(setting), "rows": list(kept.values())} | about()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=1) + "\n")
    path.with_suffix(".md").write_text(markdown(values))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.questions.ablation")
    parser.add_argument("dataset", choices=SETTINGS)
    parser.add_argument("path", type=Path, help="of the images")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    names = [one.name for one in INGREDIENTS]
    parser.add_argument("--only", nargs="+", choices=names, default=names)
    parser.add_argument("--subset", type=int, help="number of images")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--minutes", type=float, default=600, help="at the most, of each seed")
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of the results")
    return parser.parse_args()


if __name__ == "__main__":
    main()
