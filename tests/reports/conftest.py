"""Runs as a search leaves them, made through the real records without training anything."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from reports.build import build_report
from reports.run_data import RunData, read_run
from search.records import events
from search.records.history import History
from search.records.ledger import Ledger, read_ledger
from search.records.run import Run, write_json, write_whole
from search.records.tables import write_tables
from spaces.hyperparameters import Hyperparameters
from spaces.parameters import Categorical, Float, Parameter
from spaces.study import Study
from spaces.study_file import find_study, load_study
from trainables.measurement import Measurement

START = 1_767_600_000.0
CLASSES = [str(digit) for digit in range(10)]
IMAGES = {"train": 1077, "validation": 360, "test": 360}
NASTY = "<script>alert(1)</script>"


class RunMaker:
    """Writes a run event by event, on a clock of its own."""

    def __init__(self, folder: Path, study: Study) -> None:
        self.run, self.study, self.time, self.trials = Run(folder), study, START, 0
        self.chance = random.Random(study.seed)
        self.points: dict[int, Hyperparameters] = {}
        write_whole(self.run.study_file, study.to_yaml())
        self.ledger = Ledger(self.run.ledger)
        versions = {"thawtune": "0.1.0", "keras": "3.15.1", "tensorflow": "2.21.0"}
        self.write(events.study_opened(study.name, study.hash, versions))
        self.write(events.driver_started("host", 7))

    def write(self, event: events.Event, seconds: float = 0.0) -> None:
        self.time += seconds
        self.ledger.append(event | {"time": self.time})

    def propose(
        self, recipe: str | None = None, finalist_of: int | None = None
    ) -> tuple[int, Hyperparameters]:
        """A trial of a recipe, drawn at random, or as another one with a new seed."""
        space = self.study.search_space
        point = self.study.recipe_points[recipe] if recipe else space.sample(self._draw)
        point = point if finalist_of is None else self.points[finalist_of]
        number, self.trials = self.trials, self.trials + 1
        self.write(events.trial_proposed(number, recipe, point, 100 + number, finalist_of), 0.1)
        self.points[number] = point
        trained = 12_810 + 90_000 * point.unfrozen_depth
        self.write(events.trial_started(number, "10.0.0.1", 3_426_474, trained, 0), 0.2)
        return number, point

    def measure(self, trial: int, epoch: int, accuracy: float, loss: float | None = None) -> None:
        """One epoch; without a loss, one that fits the accuracy."""
        loss = -math.log(max(accuracy, 1e-3)) * 1.4 if loss is None else loss
        spent = {"start": 0.4, "data": 0.1, "features": 1.5} if epoch == 1 else {}
        spent |= {"train": 0.8 + self.chance.random(), "evaluate": 0.2, "checkpoint": 0.05}
        measurement = Measurement(
            epoch, loss * 0.7, min(1.0, accuracy + 0.02), loss, accuracy, 1e-3 * 0.9**epoch, spent
        )
        self.write(events.trial_measured(trial, measurement), sum(spent.values()) / 2)

    def train(
        self, trial: int, point: Hyperparameters, epochs: int | None = None, bonus: float = 0
    ) -> None:
        """Some epochs along a curve that depends on the point."""
        quality = 1 - 0.045 * abs(math.log10(point.learning_rate / 3e-3)) ** 2
        quality += 0.0022 * min(point.unfrozen_depth, 10) - 0.03 * (point.dropout > 0.4)
        top = min(0.985, 0.945 * quality + self.chance.gauss(0, 0.006) + bonus)
        for epoch in range(1, (epochs or point.epochs) + 1):
            # As a real accuracy: a whole number of the validation images.
            accuracy = top - 0.35 * math.exp(-0.9 * epoch) + self.chance.gauss(0, 0.003)
            self.measure(trial, epoch, round(360 * min(1.0, accuracy)) / 360)

    def end(
        self, trial: int, state: str = "COMPLETE", reason: str = "max_t", error: str = ""
    ) -> None:
        self.write(events.trial_ended(trial, state, reason, error or None))

    def search(self, trials: int) -> None:
        """The recipes, then random trials; half are pruned, one in ten fails."""
        names = list(self.study.recipes)
        for index in range(trials):
            trial, point = self.propose(names[index] if index < len(names) else None)
            if index >= len(names) and index % 10 == 4:
                self.train(trial, point, 1)
                self.measure(trial, 2, 0.1, math.nan)
                place = '/opt/venv/lib/loop.py", line 3'
                self.end(trial, "FAIL", "non_finite", f'File "{place}: loss is nan {NASTY}')
            elif index >= len(names) and index % 2:
                self.train(trial, point, 1 if index % 4 == 1 else 3)
                self.end(trial, "PRUNED", "scheduler")
            else:
                self.train(trial, point, bonus=0.05 if index == 12 else 0)
                self.end(trial)

    def close(self, reason: str | None = "budget spent") -> Run:
        """The run; without a reason its driver is still up."""
        if reason is not None:
            self.write(events.driver_stopped(reason), 0.5)
        self.ledger.close()
        write_json(self.run.folder / "data.json", data_sets())
        write_tables(self.run, self.history(), self.study.objective)
        return self.run

    def history(self) -> History:
        return History.of(read_ledger(self.run.ledger))

    def _draw(self, parameter: Parameter) -> Any:
        if isinstance(parameter, Categorical):
            return self.chance.choice(parameter.choices)
        low, high = parameter.low, parameter.high
        if not isinstance(parameter, Float):
            return self.chance.randint(low, int(high))
        if parameter.log:
            return math.exp(self.chance.uniform(math.log(low), math.log(high)))
        return self.chance.uniform(low, high)


def data_sets() -> dict[str, Any]:
    counts = {name: [n // 10 + (i < n % 10) for i in range(10)] for name, n in IMAGES.items()}
    return {"classes": CLASSES, **counts, "image": "8×8 pixels, grey"}


def finish(run: Run, accuracies: dict[str, float], predictions: bool = True) -> None:
    """Fine-tune and open the test set, with these accuracies: final, winner, and each recipe."""
    data = read_run(run)
    trials = {name: t.number for name, t in data.recipe_trials().items() if t is not None}
    winner = data.history.incumbent(data.objective)
    number = winner.number if winner else 0
    history = [
        {
            "epoch": e,
            "train_loss": 1.5 * 0.6**e,
            "train_accuracy": 1 - 0.6**e,
            "learning_rate": 1e-3,
        }
        for e in range(1, 10)
    ]
    write_json(
        run.finetune,
        {"trial": number, "epochs": 9, "workers": 2, "images": 1437, "seconds": 31.4}
        | {"history": history, "sha256": "ab" * 32, "finished": START + 900},
    )
    roles = {"final": "final", "winner": "winner"}
    models = [
        {"name": name, "role": roles.get(name, "recipe"), "trial": trials.get(name, number)}
        | {"sha256": "cd" * 32, "accuracy": accuracy, "loss": 0.1}
        for name, accuracy in accuracies.items()
    ]
    opened = {"opened": START + 1000, "images": 360, "classes": CLASSES, "models": models}
    write_json(run.test, opened)
    if predictions:
        write_predictions(run.folder / "predictions.parquet", accuracies)


def write_predictions(path: Path, accuracies: dict[str, float]) -> None:
    """Predictions with these accuracies; the errors of the models overlap."""
    chance = np.random.default_rng(0)
    label, hardness = np.arange(360) % 10, chance.permutation(360)
    neighbours = {0: 6, 1: 8, 2: 3, 3: 9, 4: 7, 5: 6, 6: 0, 7: 4, 8: 1, 9: 3}
    wrong = np.array([neighbours[int(one)] for one in label])
    tables = []
    for model, accuracy in accuracies.items():
        predicted = np.where(hardness < round(360 * (1 - accuracy)), wrong, label)
        columns: dict[str, Any] = {
            "model": [model] * 360,
            "image": [f"image {index:04d}" for index in range(360)],
            "label": label.astype(np.int64),
            "predicted": predicted.astype(np.int64),
            "probabilities": probabilities(predicted, label, hardness).tolist(),
        }
        tables.append(pa.table(columns))
    pq.write_table(pa.concat_tables(tables), path)


def probabilities(predicted: np.ndarray, label: np.ndarray, hardness: np.ndarray) -> np.ndarray:
    """Sure of what it predicts, less so of hard images; the true class comes second."""
    sure = 0.99 - 0.35 * (hardness < 60)
    shares = np.full((360, 10), 0.0)
    shares[np.arange(360), label] = 1 - sure
    shares[np.arange(360), predicted] = sure
    return shares + (1 - shares.sum(axis=1, keepdims=True)) / 10


FIXED: dict[str, Any] = {
    "base": {"backbone": "EfficientNetLite0", "image_size": 64},
    "space": {
        "unfrozen_depth": {"low": 0, "high": 16},
        "batch_norm": {"choices": ["frozen", "trained"]},
        "head_epochs": {"low": 0, "high": 2},
        "learning_rate": {"low": 1e-4, "high": 3e-2, "log": True},
        "decay": {"choices": ["none", "cosine", "exponential"]},
        "decay_factor": {"low": 0.5, "high": 0.95},
        "dense_units": {"choices": [[], [128], [256]]},
        "dropout": {"low": 0, "high": 0.5},
        "batch_size": {"choices": [32, 64, 128]},
    },
    "recipes": {
        "linear_probe": {"learning_rate": 1e-2},
        "two_phase": {"unfrozen_depth": 7, "head_epochs": 2, "batch_norm": "frozen"}
        | {"learning_rate": 3e-3, "decay": "cosine", "dense_units": [128], "dropout": 0.2},
    },
    "budget": {"trials": 20, "max_epochs": 9, "grace_period": 1, "reduction_factor": 3},
    "seed": 0,
}
"""What the tests count on, whatever becomes of the study file."""


def digits(**changes: Any) -> Study:
    """The digits study, with changes."""
    study = load_study(find_study("digits"))
    return Study.model_validate(study.to_dict() | FIXED | changes)


Shape = Callable[[Path], Run]


def _complete(folder: Path) -> Run:
    maker = RunMaker(folder, digits())
    maker.search(20)
    run = maker.close()
    finish(run, {"final": 0.9889, "winner": 0.9833, "linear_probe": 0.9361, "two_phase": 0.95})
    return run


def _minimising(folder: Path) -> Run:
    maker = RunMaker(folder, digits(objective={"metric": "val_loss", "mode": "min"}))
    maker.search(12)
    return maker.close()


def _under_way(folder: Path) -> Run:
    maker = RunMaker(folder, digits())
    maker.search(6)
    maker.train(*maker.propose(), epochs=2)
    maker.propose()
    return maker.close(reason=None)


def _nothing_finished(folder: Path) -> Run:
    maker = RunMaker(folder, digits())
    maker.propose("linear_probe")
    maker.propose("two_phase")
    run = maker.close(reason=None)
    (folder / "data.json").unlink()
    return run


def _empty(folder: Path) -> Run:
    return RunMaker(folder, digits()).close(reason=None)


def _one_trial(folder: Path) -> Run:
    maker = RunMaker(folder, digits())
    trial, point = maker.propose("linear_probe")
    maker.train(trial, point)
    maker.end(trial)
    return maker.close()


def _all_failed(folder: Path) -> Run:
    maker = RunMaker(folder, digits())
    for recipe in ("linear_probe", None, None):
        trial, _ = maker.propose(recipe)
        maker.measure(trial, 1, 0.99)
        maker.measure(trial, 2, 0.1, math.nan)
        maker.end(trial, "FAIL", "non_finite", "loss is nan")
    return maker.close()


def _nasty(folder: Path) -> Run:
    recipes = {NASTY: {"learning_rate": 1e-2}, "pipe | and $x$ `code`": {"learning_rate": 2e-2}}
    maker = RunMaker(folder, digits(recipes=recipes))
    for recipe in recipes:
        trial, point = maker.propose(recipe)
        maker.train(trial, point)
        maker.end(trial)
    trial, _ = maker.propose()
    maker.end(
        trial, "FAIL", "error", f"{NASTY}\nin /home/ann/secret/loop.py and C:\\Users\\ann\\x.py"
    )
    return maker.close(f"stopped {NASTY}")


def _full(folder: Path) -> Run:
    """A run that has every file which a report can be made of."""
    maker = RunMaker(folder, digits(budget={"trials": 14, "max_epochs": 9}))
    maker.search(14)
    best = maker.history().incumbent(maker.study.objective).number
    for finalist in (best, 0):
        for _ in range(3):
            trial, point = maker.propose(finalist_of=finalist)
            maker.train(trial, point)
            maker.end(trial)
    trial = maker.history().trials[best + 1].number
    maker.write(events.attempt_failed(trial, "worker_lost", "killed in /home/ann/x.py"))
    maker.write(events.noted("Features are recomputed: /home/ann/cache was full."))
    run = maker.close()
    finish(run, {"final": 0.9889, "winner": 0.9833, "linear_probe": 0.9361, "two_phase": 0.95})
    add_finalists(run, best)
    write_json(run.importance, IMPORTANCE)
    for name, count in (("gradcam", 5), ("mistakes", 3)):
        add_pictures(run.folder / name, count)
    Image.new("RGB", (1500, 600), "#88aacc").save(run.folder / "contact_sheet.png")
    write_json(run.data, data_sets() | PREFLIGHT)
    return run


IMPORTANCE = {
    "epoch": 3,
    "trials": 14,
    "parameters": [
        {"name": "dropout", "mean": 0.2, "std": 0.3},
        {"name": "learning_rate", "mean": 0.6, "std": 0.05},
    ],
}

PREFLIGHT: dict[str, Any] = {
    "sizes": {
        "distinct": 4,
        "quantiles": [0.0, 0.05, 0.5, 1.0],
        "widths": [8, 9, 10, 12],
        "heights": [7, 8, 8, 20],
    },
    "unreadable": [["a/broken.png", "truncated"]],
    "mislabelled": [],
    "ignored": [["notes.txt", "no image"]],
    "empty_classes": ["ten"],
    "duplicates": [
        {"names": ["a", "b"], "sets": ["train", "train"], "classes": ["0", "0"]},
        {"names": ["c", "d"], "sets": ["train", "test"], "classes": ["0", "1"]},
    ],
    "near_duplicates": [],
    "errors": [],
    "warnings": ["One image is in two sets."],
}


def add_finalists(run: Run, best: int) -> None:
    """finalists.json as the search writes it, from the repeats in the ledger."""
    data = read_run(run)

    def finalist(name: str, trial: int, recipe: str | None, search: float) -> dict[str, Any]:
        made = [t for t in data.repeats if t.finalist_of == trial]
        metrics = [t.best(data.objective).val_accuracy for t in made]
        values = [
            {"seed": t.seed, "trial": t.number, "metric": m, "state": t.state}
            for t, m in zip(made, metrics, strict=True)
        ]
        mean, std = float(np.mean(metrics)), float(np.std(metrics, ddof=1))
        return {"name": name, "trial": trial, "recipe": recipe, "search": search} | {
            "values": values, "mean": mean, "std": std,
        }  # fmt: skip

    top = data.history.trials[best].best(data.objective).val_accuracy
    rows = [finalist(f"trial {best}", best, None, top)]
    rows.append(finalist("linear_probe", 0, "linear_probe", 0.94))
    write_json(
        run.finalists,
        {"metric": "val_accuracy", "seeds": 3, "finalists": rows, "chosen": best}
        | {"selection_bias": top - rows[0]["mean"], "seconds": 33.1},
    )


def add_pictures(folder: Path, count: int) -> None:
    """Pictures with their index, right and wrong in turn."""
    folder.mkdir()
    entries = []
    for index in range(count):
        file = f"{index + 1:04d}.png"
        Image.new("RGB", (900, 450), (40 * index, 90, 160)).save(folder / file)
        is_right = index % 2 == 0
        entries.append(
            {"file": file, "image": f"image {index:04d}", "label": "3", "probability": 0.9}
            | {"predicted": "3" if is_right else "9", "right": is_right}
        )
    write_whole(folder / "index.json", json.dumps(entries))


SHAPES: dict[str, Shape] = {
    "complete": _complete,
    "full": _full,
    "minimising": _minimising,
    "under_way": _under_way,
    "nothing_finished": _nothing_finished,
    "empty": _empty,
    "one_trial": _one_trial,
    "all_failed": _all_failed,
    "nasty": _nasty,
}


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:
    """A run of each shape, made once; tests that change one copy it first."""
    return {name: make(tmp_path_factory.mktemp(name) / "run-1") for name, make in SHAPES.items()}


@pytest.fixture(params=list(SHAPES))
def shape(request: pytest.FixtureRequest) -> str:
    """The name of each shape in turn."""
    return str(request.param)


@pytest.fixture(scope="session")
def read(runs: dict[str, Run]) -> Callable[[str], RunData]:
    """What is read of a shape."""
    return cache(lambda name: read_run(runs[name]))


@pytest.fixture(scope="session")
def reported(runs: dict[str, Run]) -> Callable[[str], Path]:
    """The report's folder of a shape, built once."""
    return cache(lambda name: build_report(runs[name]).parent)


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., RunMaker]:
    """Begins a run of the digits study, with changes."""
    return lambda **changes: RunMaker(tmp_path / "run", digits(**changes))


@pytest.fixture
def open_test() -> Callable[..., None]:
    """Fine-tunes and opens the test set of a run."""
    return finish
