"""Runs as a search leaves them, made through the real records without training anything."""

from __future__ import annotations

import math
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from reports.data.run_data import read_run
from search.records import events
from search.records.history import History
from search.records.ledger import Ledger, read_ledger
from search.records.run import Run, write_json, write_whole
from search.records.tables import write_tables
from spaces.hyperparameters import Hyperparameters
from spaces.parameters import Categorical, Float, Parameter
from spaces.studies.study import Study
from trainables.training.measurement import Measurement

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

    def one_epoch(self, recipe: str | None, accuracy: float) -> int:
        """A trial of one epoch, with this accuracy on validation, that has ended."""
        trial, _ = self.propose(recipe)
        self.measure(trial, 1, accuracy)
        self.end(trial)
        return trial

    def measure(self, trial: int, epoch: int, accuracy: float, loss: float | None = None) -> None:
        """One epoch; without a loss, one that fits the accuracy."""
        loss = -math.log(max(accuracy, 1e-3)) * 1.4 if loss is None else loss
        spent = {"start": 0.4, "data": 0.1, "features": 1.5} if epoch == 1 else {}
        spent |= {"train": 0.8 + self.chance.random(), "evaluate": 0.2, "checkpoint": 0.05}
        metric = self.study.objective.metric
        own = {} if metric in ("val_accuracy", "val_loss") else {metric: accuracy}
        measurement = Measurement(
            *(epoch, loss * 0.7, min(1.0, accuracy + 0.02), loss, accuracy, 1e-3 * 0.9**epoch),
            spent,
            **own,
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
