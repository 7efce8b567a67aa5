"""Runs with a final model, made in a second: no search, no fine-tuning."""

from __future__ import annotations

import dataclasses
import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from search.final_model.load import LABELS, MODEL
from search.records import events
from search.records.history import History
from search.records.ledger import Ledger, read_ledger
from search.records.run import Run, write_json, write_whole
from search.records.tables import write_tables
from spaces.hyperparameters import Hyperparameters
from spaces.studies.dataset import DatasetSection
from spaces.studies.study import Study
from spaces.studies.study_file import parse_study
from trainables.datasets.preflight.examine import preflight
from trainables.datasets.sets.recorded import RecordedSets
from trainables.training.checkpoints import Checkpoints
from trainables.training.measurement import Measurement
from trainables.weights.packaged import sha256

SCRATCH = Hyperparameters(
    backbone="none",
    weights="none",
    image_size=16,
    preprocessing="unit",
    convolutions=(6, 8),
    convolution_batch_norm=True,
    convolution_pooling=True,
    dense_units=(12,),
)
PRETRAINED = Hyperparameters(image_size=64)
CLASSES = [f"number {n}" for n in range(9)] + ["nine | *neuf*"]


def final_run(folder: Path, study: Study, point: Hyperparameters = SCRATCH, seed: int = 0) -> Run:
    """A run of the digits whose one trial was fine-tuned; its model has seen nothing."""
    run = Run(folder)
    folder.mkdir(parents=True)
    write_whole(run.study_file, study.to_yaml())
    write_json(run.data, _data())
    write_whole(run.sets, sets_of_digits(study.dataset).to_parquet())
    with Ledger(run.ledger) as ledger:
        for event in _events(study, point):
            ledger.append(event)
    save_model(run, point, seed)
    write_finetune(run, point)
    return run


def finished_run(folder: Path) -> Run:
    """A run that has all that a run can have: its search has ended, its final model is tested.

    Beside it lies `photos`, with an image of each of two classes.
    """
    from search.strategy import finalists
    from search.strategy.importance import importance
    from search.testset.evaluate import evaluate

    study, problems = parse_study(FINISHED)
    assert study is not None, problems
    run = final_run(folder, study)
    with Ledger(run.ledger) as ledger:
        ledger.append(*_further_events())
    history = History.of(read_ledger(run.ledger))
    for number in history.trials:
        save_weights(run, number)
    for path, found in (
        (run.finalists, finalists.summary(study, history)),
        (run.importance, importance(study, history)),
    ):
        if found is not None:
            write_json(path, found)
    evaluate(run, say=lambda _: None)
    write_tables(run, history, study.objective)
    for name in ("cat", "dog"):
        (folder.parent / "photos" / name).mkdir(parents=True)
        Image.new("RGB", (20, 16), (60, 7, 9)).save(folder.parent / "photos" / name / "one.png")
    return run


FINISHED: dict[str, Any] = {
    "name": "finished",
    "dataset": {"format": "digits"},
    "base": {name: value for name, value in SCRATCH.to_dict().items() if value is not None},
    "space": {"dropout": {"low": 0.0, "high": 0.5}},
    "recipes": {"probe": {}},
    "budget": {"trials": 3, "max_epochs": 10},
    "finalists": {"count": 1, "seeds": 1},
}


def _further_events() -> list[events.Event]:
    """Two more trials, and a repeat of each finalist: every kind of event."""
    found = [
        events.driver_started("host", 7),
        events.features_stored(1.0, 2.0, 1000, 3, 4, 500),
        events.noted("Something to know."),
    ]
    trials = [(1, 0.2, None), (2, 0.4, None), (3, 0.2, 1), (4, 0.0, 0)]
    for number, dropout, finalist_of in trials:
        point = dataclasses.replace(SCRATCH, dropout=dropout)
        found += [
            events.trial_proposed(number, None, point, 5 + number, finalist_of),
            events.trial_started(number, "127.0.0.1", 1000, 100, 0),
            events.attempt_failed(number, "out_of_memory", "too large", "batch"),
            events.trial_started(number, "127.0.0.1", 1000, 100, 0, 2, 2),
        ]
        for epoch in (1, 2, 3):
            accuracy = 0.5 + epoch / 10 - number / 50
            measured = Measurement(epoch, 0.5, 0.8, 0.6, accuracy, 1e-3, {"train": 1.0})
            found += [
                events.trial_measured(number, measured),
                events.trial_checkpointed(number, epoch, 1000),
            ]
        found.append(events.trial_ended(number, events.COMPLETE, "max_epochs"))
    return [*found, events.driver_stopped("done")]


def save_weights(run: Run, number: int, point: Hyperparameters = SCRATCH) -> None:
    """A checkpoint of a trial after its first epoch."""
    from trainables.networks.network import kept_weights
    from trainables.training.training import build_pretrained

    network = build_pretrained(point, len(CLASSES), seed=number)
    best = {f"best/{i}": v.numpy() for i, v in enumerate(kept_weights(network))}
    Checkpoints(run.trial_checkpoints(number)).save(
        1, {"epoch": np.array(1), "seed": np.array(number)} | best
    )


@lru_cache
def _sets(section: str) -> RecordedSets:
    return preflight(DatasetSection.model_validate_json(section), "digits").sets


def sets_of_digits(section: DatasetSection) -> RecordedSets:
    """What a search would have recorded of them, as the section splits them."""
    return _sets(section.model_copy(update={"format": "digits", "path": None}).model_dump_json())


def _data() -> dict[str, Any]:
    counts = [[100] * 9 + [20], [30] * 10, [36] * 10]
    sets = dict(zip(("train", "validation", "test"), counts, strict=True))
    return {"classes": CLASSES, **sets, "image": "8×8 pixels"}


def _events(study: Study, point: Hyperparameters) -> list[events.Event]:
    seconds = {"train": 1.0, "evaluate": 0.5}
    measured = Measurement(1, 0.5, 0.8, 0.6, 0.875, 1e-3, seconds)
    return [
        events.study_opened(study.name, study.hash, {"keras": "3.15.1", "thawtune": "0.1.0"}),
        events.trial_proposed(0, "probe", point, 5),
        events.trial_started(0, "127.0.0.1", 1000, 100, 0),
        events.trial_measured(0, measured),
        events.trial_ended(0, events.COMPLETE, "max_epochs"),
    ]


def save_model(run: Run, point: Hyperparameters, seed: int) -> None:
    """A final model that has seen nothing."""
    import keras

    from trainables.training.training import build_pretrained

    keras.utils.set_random_seed(3)
    network = build_pretrained(point, len(CLASSES), seed)
    chance = np.random.default_rng(3)
    for layer in network.model.layers:  # statistics as after training, not 0 and 1
        if isinstance(layer, keras.layers.BatchNormalization) and point.backbone == "none":
            layer.moving_mean.assign(chance.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(chance.uniform(0.01, 0.1, layer.moving_variance.shape))
    run.model.mkdir(exist_ok=True)
    network.with_probabilities().save(run.model / MODEL)
    (run.model / LABELS).write_text(json.dumps(CLASSES))


def write_finetune(run: Run, point: Hyperparameters = SCRATCH) -> None:
    """finetune.json for the model that is there."""
    write_json(
        run.finetune,
        {
            "epochs": 3,
            "images": 1437,
            "history": [],
            "trial": 0,
            "recipe": "probe",
            "workers": 1,
            "seconds": 12.5,
            "resize": point.resize,
            "sha256": sha256(run.model / MODEL),
            "finished": time.time(),
        },
    )
