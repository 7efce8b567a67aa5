"""What the machine can do at best: the backbone once, and bare steps of the heads.

Marks: `forward`, seconds for the pooled features of all training and validation images, on all
cores; `step`, by head and batch size, seconds for one update written with nothing but the
products of matrices that it needs and Adam's formulas, inside one graph, on one core; `evaluate`,
by head, seconds for one pass over the validation set so; `cores`.
"""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from tests.benchmarks.opponents.task import CLASSES, Task
from tests.benchmarks.space import Configuration

FEATURES = 1280
_UPDATES = 100


def run(task: Task) -> None:
    """Measure the rates of the task's configurations."""
    forward = _forward_seconds()
    heads = {(c.units, c.batch_size) for c in task.configurations}
    task.mark(
        forward=forward,
        step={f"{units}/{batch}": _step_seconds(units, batch) for units, batch in sorted(heads)},
        evaluate={str(units): _evaluation_seconds(units) for units, _ in heads},
        cores=len(os.sched_getaffinity(0)),
    )


def bare_seconds(
    marks: dict[str, Any], configurations: tuple[Configuration, ...], images: int, epochs: int
) -> float:
    """Seconds for the arithmetic of all heads, evenly spread over the cores."""
    seconds = sum(
        c.updates(images, epochs) * marks["step"][f"{c.units}/{c.batch_size}"]
        + epochs * marks["evaluate"][str(c.units)]
        for c in configurations
    )
    return float(seconds / marks["cores"])


def _forward_seconds() -> float:
    import tensorflow as tf

    from tests.benchmarks.opponents.data import images
    from tests.benchmarks.opponents.models import pooled_backbone

    arrays = images()
    pixels = np.concatenate([arrays["x_train"], arrays["x_val"]])
    model = pooled_backbone()
    step = tf.function(lambda chunk: model(tf.cast(chunk, tf.float32), training=False))
    chunks = [tf.constant(pixels[i : i + 64]) for i in range(0, len(pixels) // 64 * 64, 64)]
    seconds = _best_of_three(lambda: [step(chunk) for chunk in chunks][-1].numpy())
    return seconds * len(pixels) / (64 * len(chunks))


def _step_seconds(units: int, batch: int) -> float:
    return _best_of_three(_bare_loop(units, batch)) / _UPDATES


def _bare_loop(units: int, batch: int) -> Callable[[], Any]:
    """A hundred updates of a head in one graph."""
    import tensorflow as tf

    chance = np.random.default_rng(0)
    sizes = [FEATURES, units, CLASSES] if units else [FEATURES, CLASSES]
    weights = [
        tf.Variable(chance.normal(0, 0.05, pair).astype(np.float32))
        for pair in itertools.pairwise(sizes)
    ]
    moments = [[tf.Variable(tf.zeros_like(w)) for w in weights] for _ in range(2)]
    inputs = tf.constant(chance.normal(0, 1, (1024, FEATURES)).astype(np.float32))
    targets = tf.one_hot(chance.integers(0, CLASSES, 1024), CLASSES)

    @tf.function
    def loop() -> Any:
        for number in tf.range(_UPDATES):
            start = number * batch % (1024 - batch)
            x, y = inputs[start : start + batch], targets[start : start + batch]
            hidden = tf.nn.relu(x @ weights[0]) if units else x
            error = (tf.nn.softmax(hidden @ weights[-1]) - y) / batch
            gradients = [tf.transpose(hidden) @ error]
            if units:
                back = (error @ tf.transpose(weights[-1])) * tf.cast(hidden > 0, tf.float32)
                gradients.insert(0, tf.transpose(x) @ back)
            for weight, first, second, gradient in zip(weights, *moments, gradients, strict=True):
                first.assign(0.9 * first + 0.1 * gradient)
                second.assign(0.999 * second + 0.001 * gradient * gradient)
                weight.assign_sub(1e-3 * first / (tf.sqrt(second) + 1e-7))
        return tf.reduce_sum(weights[0])

    return lambda: loop().numpy()


def _evaluation_seconds(units: int, images: int = 360) -> float:
    import tensorflow as tf

    inputs = tf.random.normal((images, FEATURES))
    first = tf.random.normal((FEATURES, units or CLASSES))
    last = tf.random.normal((units or CLASSES, CLASSES))

    @tf.function
    def passes() -> Any:
        total = tf.constant(0.0)
        for _ in tf.range(_UPDATES):
            hidden = inputs @ first
            total += tf.reduce_sum(tf.nn.relu(hidden) @ last if units else hidden)
        return total

    return _best_of_three(lambda: passes().numpy()) / _UPDATES


def _best_of_three(call: Callable[[], Any]) -> float:
    call()
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return min(seconds)
