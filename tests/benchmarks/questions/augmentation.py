"""What augmentation costs, an image: `python -m tests.benchmarks.questions.augmentation [PIXELS]`.

Each row is one augmentation of a batch of 32, in a graph, beside Keras's layers for the same
geometry where there are such.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.augmentation.batch import augmentation, partners

BATCH, ROUNDS = 32, 10
GEOMETRY = {"flip": "horizontal", "rotation": 20.0, "zoom": 0.1, "shift": 0.1, "shear": 10.0}
ROWS: dict[str, dict[str, object]] = {
    "flip": {"flip": "horizontal"},
    "flip, rotation, zoom, shift, shear, crop": GEOMETRY | {"crop": 0.1},
    "crop_scale": {"crop_scale": 0.3},
    "color_jitter": {"color_jitter": 0.4},
    "grayscale": {"grayscale": 0.2},
    "blur": {"blur": 0.5},
    "erasing": {"erasing": 0.5},
    "trivial_augment": {"trivial_augment": True},
    "mixup": {"mixup": 0.2},
    "cutmix": {"cutmix": 1.0},
}


def by_keras() -> Callable[[tf.Tensor], tf.Tensor]:
    """The geometry of the second row by Keras's layers, one resampling each."""
    layers = keras.layers
    steps = [
        layers.RandomTranslation(0.05, 0.05),
        layers.RandomZoom((-0.1, -0.1)),
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(20 / 360),
        layers.RandomZoom(0.1),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomShear(0.17, 0.17),
    ]

    def run(images: tf.Tensor) -> tf.Tensor:
        for step in steps:
            images = step(images, training=True)
        return images

    return run


def ours(size: int, values: dict[str, object]) -> Callable[[tf.Tensor], tf.Tensor]:
    """A configuration's augmentation, with new random numbers in each call."""
    augment = augmentation(Hyperparameters.from_dict({"image_size": size, **values}))
    calls = tf.Variable(0, dtype=tf.int64)

    def run(images: tf.Tensor) -> tf.Tensor:
        key = tf.stack([tf.constant(1, tf.int64), calls.assign_add(1)])
        drawn = augment.draw(tf.constant(BATCH), key, 3)
        images = augment.images(images, drawn, tf.ones(BATCH))
        return augment.mixed_images(images, partners(images), drawn)

    return run


def milliseconds(transform: Callable[[tf.Tensor], tf.Tensor], size: int) -> float:
    """Of an image, the median of several batches."""
    images = tf.constant(
        np.random.default_rng(0).uniform(0, 255, (BATCH, size, size, 3)), tf.float32
    )
    step = tf.function(lambda: tf.reduce_sum(transform(images)))
    seconds = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        step().numpy()
        seconds.append(time.perf_counter() - began)
    return 1000 * float(np.median(seconds[1:])) / BATCH


def main() -> None:
    """Print the table."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 224
    print(f"milliseconds an image of {size} pixels")
    for name, values in ROWS.items():
        larger = round(1.5 * size) if "crop_scale" in values else size
        print(f"{name:45} {milliseconds(ours(size, values), larger):6.2f}", flush=True)
    print(
        f"{'the same geometry by seven layers of Keras':45} {milliseconds(by_keras(), size):6.2f}"
    )


if __name__ == "__main__":
    main()
