"""Runs with a final model, made in a second: no search, no fine-tuning."""

from __future__ import annotations

import json
import time
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from search.final_model.load import LABELS, MODEL
from search.records import events
from search.records.ledger import Ledger
from search.records.run import Run, write_json, write_whole
from spaces.hyperparameters import Hyperparameters
from spaces.studies.dataset import DatasetSection
from spaces.studies.study import Study
from trainables.datasets.preflight.examine import preflight
from trainables.datasets.sets.recorded import RecordedSets
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
    _save_model(run, point, seed)
    write_finetune(run, point)
    return run


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


def _save_model(run: Run, point: Hyperparameters, seed: int) -> None:
    import keras

    from trainables.training.training import build_pretrained

    keras.utils.set_random_seed(3)
    network = build_pretrained(point, len(CLASSES), seed)
    chance = np.random.default_rng(3)
    for layer in network.model.layers:  # statistics as after training, not 0 and 1
        if isinstance(layer, keras.layers.BatchNormalization) and point.backbone == "none":
            layer.moving_mean.assign(chance.normal(0, 0.1, layer.moving_mean.shape))
            layer.moving_variance.assign(chance.uniform(0.01, 0.1, layer.moving_variance.shape))
    run.model.mkdir()
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
