"""Computing planned features: some images pass through a network, up to all its cuts at once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from spaces.studies.dataset import DatasetSection
from trainables.cache.entry import fill
from trainables.cache.folder import use_cache
from trainables.datasets.rows.images import Images
from trainables.datasets.rows.loading import TrialData, load_trial_data
from trainables.datasets.rows.resizing import Square
from trainables.datasets.sets.recorded import RecordedSets
from trainables.features.in_memory import description
from trainables.features.key import feature_key
from trainables.features.plan.extraction_task import SETS, ExtractionTask, PlannedRows
from trainables.features.store import as_stored
from trainables.networks.forward import outputs_of
from trainables.process.gpu import limit_memory
from trainables.process.precision import set_precision
from trainables.process.tensorflow_setup import limit_threads
from trainables.training.training import build_pretrained

_BATCH = 64


def planned_rows(task: ExtractionTask) -> list[PlannedRows]:
    """The features of a task, whether they are stored or not."""
    _set_up(task)
    model = _network(task.point)
    found = []
    for name in task.cuts:
        below = keras.Model(model.input, _operation(model, name).output)
        for part in SETS:
            images = _images(task, part)
            family = feature_key(below, name, images.treatment, task.dtype)
            row, about = below.output.shape[1:], description(name, images, task.point, task.dtype)
            planned = PlannedRows(name, part, family, row, images.digests, about, task.dtype)
            found.append(planned)
    return found


def compute(
    task: ExtractionTask, part: str, positions: np.ndarray, first: int, targets: Mapping[str, Path]
) -> int:
    """Compute some rows of one set, at several cuts.

    Args:
        task: The network.
        part: "train" or "validation".
        positions: Of the images in the set.
        first: Position of the first of them in the entries.
        targets: Folders of the entries that were begun, by the name of the cut.

    Returns:
        The number of images.
    """
    _set_up(task)
    names = tuple(targets)
    step = _step(task.point, names)
    pixels = _images(task, part).pixels
    for start in range(0, len(positions), _BATCH):
        outputs = outputs_of(step, pixels[positions[start : start + _BATCH]])
        for name, rows in zip(names, outputs, strict=True):
            fill(targets[name], first + start, [as_stored(rows, name, task.dtype)])
    return len(positions)


def _set_up(task: ExtractionTask) -> None:
    use_cache(task.cache)
    limit_threads(task.threads)
    limit_memory(task.gpu)
    set_precision(task.precision)


@lru_cache(maxsize=1)
def _network(point: Hyperparameters) -> keras.Model:
    network = build_pretrained(point, classes=2)
    network.freeze_backbone()
    return network.model


@lru_cache(maxsize=1)
def _step(point: Hyperparameters, names: tuple[str, ...]) -> Any:
    model = _network(point)
    lower = keras.Model(model.input, [_operation(model, name).output for name in names])
    signature = tf.TensorSpec((None, *model.input.shape[1:]), tf.uint8)

    @tf.function(input_signature=[signature])
    def step(chunk: tf.Tensor) -> list[tf.Tensor]:
        outputs = tf.nest.flatten(lower(tf.cast(chunk, tf.float32), training=False))
        return [tf.cast(output, tf.float32) for output in outputs]

    return step


def _operation(model: keras.Model, name: str) -> keras.Operation:
    return next(operation for operation in model.operations if operation.name == name)


def _images(task: ExtractionTask, part: str) -> Images:
    data = _data(task.dataset.model_dump_json(), Square.of(task.point), task.sets)
    images: Images = getattr(data, part)
    return images


@lru_cache(maxsize=1)
def _data(dataset: str, square: Square, sets: RecordedSets | None) -> TrialData:
    return load_trial_data(DatasetSection.model_validate_json(dataset), square, sets)
