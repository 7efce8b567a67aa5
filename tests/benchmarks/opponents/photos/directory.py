"""D: a folder of photos with Keras alone: `image_dataset_from_directory` and `fit`.

Configurations are trained one after the other, in one process.
"""

from __future__ import annotations

import time

import keras

from tests.benchmarks.opponents.models import EpochLog, whole_model
from tests.benchmarks.opponents.photos.drawn import CLASSES, SIDE
from tests.benchmarks.opponents.task import Task

VALIDATION = 0.25
"""Ours has a test set too; so both train on three quarters."""


def run(task: Task) -> None:
    """Train the list; the options are the folder, and "augmented" for training images that are."""
    folder, *kinds = task.options
    augment = keras.Sequential(
        [
            keras.layers.RandomFlip("horizontal"),
            keras.layers.RandomRotation(20 / 360),
            keras.layers.RandomZoom(0.1),
        ]
    )
    for number, configuration in enumerate(task.configurations):
        train, validation = keras.utils.image_dataset_from_directory(
            folder,
            image_size=(SIDE, SIDE),
            batch_size=configuration.batch_size,
            validation_split=VALIDATION,
            subset="both",
            seed=task.seed,
            verbose=False,
        )
        if "augmented" in kinds:
            train = train.map(lambda x, y: (augment(x, training=True), y), num_parallel_calls=-1)
        model = whole_model(configuration, task.depth, SIDE, CLASSES)
        task.mark(**{f"began_{number}": time.time()})
        model.fit(
            train.prefetch(-1),
            validation_data=validation.prefetch(-1),
            epochs=task.epochs,
            callbacks=[EpochLog(task.log, number, configuration)],
            verbose=0,
        )
