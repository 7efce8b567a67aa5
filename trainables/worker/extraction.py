"""One process's share in computing planned features: some images, all cuts of a network at once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from spaces.dataset import DatasetSection
from spaces.hyperparameters import Hyperparameters
from trainables.cache.entry import fill
from trainables.cache.folder import FOLDER_VARIABLE
from trainables.datasets.rows.images import Images
from trainables.datasets.rows.loading import TrialData, load_trial_data
from trainables.features.in_memory import description, entry_folder
from trainables.features.plan.work import SETS, Wanted, Work
from trainables.process.gpu import limit_memory
from trainables.process.tensorflow_setup import limit_threads
from trainables.training.training import build_pretrained

_BATCH = 64


def wanted(work: Work) -> list[Wanted]:
    """The entries of a network, whether they are there or not."""
    _set_up(work)
    model, point = _network(json.dumps(work.point)), Hyperparameters.from_dict(work.point)
    found = []
    for name in work.names:
        below = keras.Model(model.input, _operation(model, name).output)
        for part in SETS:
            images = _images(work, part)
            shape = (len(images.labels), *below.output.shape[1:])
            folder = entry_folder(below, name, images)
            found.append(Wanted(name, part, folder, shape, description(name, images, point)))
    return found


def compute(work: Work, part: str, first: int, last: int, targets: Mapping[str, Path]) -> int:
    """Compute rows `first` to `last` of one set, at several cuts.

    Args:
        work: The network.
        part: "train" or "validation".
        first: Position of the first image.
        last: Position after the last image.
        targets: Folders of entries that were begun, by the name of the cut.

    Returns:
        The number of images.
    """
    _set_up(work)
    names = tuple(targets)
    step = _step(json.dumps(work.point), names)
    pixels = _images(work, part).pixels[first:last]
    blocks = [
        step(tf.constant(pixels[start : start + _BATCH])) for start in range(0, len(pixels), _BATCH)
    ]
    for name, outputs in zip(names, zip(*blocks, strict=True), strict=True):
        fill(targets[name], first, [np.concatenate([output.numpy() for output in outputs])])
    return len(pixels)


def _set_up(work: Work) -> None:
    os.environ[FOLDER_VARIABLE] = work.cache
    limit_threads(work.threads)
    limit_memory(work.gpu)


@lru_cache(maxsize=1)
def _network(point: str) -> keras.Model:
    network = build_pretrained(Hyperparameters.from_dict(json.loads(point)), classes=2)
    network.freeze_backbone()
    return network.model


@lru_cache(maxsize=1)
def _step(point: str, names: tuple[str, ...]) -> Any:
    model = _network(point)
    lower = keras.Model(model.input, [_operation(model, name).output for name in names])
    signature = tf.TensorSpec((None, *model.input.shape[1:]), tf.uint8)

    @tf.function(input_signature=[signature])
    def step(chunk: tf.Tensor) -> list[tf.Tensor]:
        return tf.nest.flatten(lower(tf.cast(chunk, tf.float32), training=False))

    return step


def _operation(model: keras.Model, name: str) -> keras.Operation:
    return next(operation for operation in model.operations if operation.name == name)


def _images(work: Work, part: str) -> Images:
    size = Hyperparameters.from_dict(work.point).image_size
    images: Images = getattr(_data(json.dumps(work.dataset), size), part)
    return images


@lru_cache(maxsize=1)
def _data(dataset: str, size: int) -> TrialData:
    return load_trial_data(DatasetSection.model_validate(json.loads(dataset)), size)
