"""Many configurations trained fast, for the reference of benchmark B: no tool is measured by it.

Layers, initial weights and Adam are Keras's; heads of one size and batch size share one graph, in
which a whole epoch runs, and are reset in between.
"""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tests.benchmarks.opponents.data import Arrays, load, save_features
from tests.benchmarks.opponents.models import FEATURES
from tests.benchmarks.opponents.task import CLASSES, Task, log_epoch
from tests.benchmarks.space import Configuration


class _Heads:
    """Heads of one size and batch size, one after the other.

    Args:
        units: Width of the hidden layer, 0 for none.
        batch_size: Images in an update.
        arrays: Features and labels.
    """

    def __init__(self, units: int, batch_size: int, arrays: Arrays) -> None:
        self._data = {name: tf.constant(array) for name, array in arrays.items()}
        self._batch = batch_size
        sizes = ([units] if units else []) + [CLASSES]
        self._layers = [keras.layers.Dense(size) for size in sizes]
        width = FEATURES
        for layer, size in zip(self._layers, sizes, strict=True):
            layer.build((None, width))
            width = size
        self._variables = [v for layer in self._layers for v in layer.trainable_variables]
        self._optimizer = keras.optimizers.Adam()
        self._optimizer.build(self._variables)
        self._rate = tf.Variable(0.0)
        self._train = tf.function(self._epoch)
        self._evaluate = tf.function(self._accuracy)

    def reset(self, configuration: Configuration, seed: int) -> None:
        """Begin a configuration anew."""
        for number, layer in enumerate(self._layers):
            initial = keras.initializers.GlorotUniform(seed=2 * seed + number)
            layer.kernel.assign(initial(layer.kernel.shape))
            layer.bias.assign(np.zeros(layer.bias.shape, np.float32))
        for variable in self._optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))
        self._optimizer.learning_rate.assign(configuration.learning_rate)
        self._rate.assign(configuration.dropout)

    def epoch(self, chance: np.random.Generator) -> float:
        """Train an epoch; the validation accuracy after it."""
        order = chance.permutation(len(self._data["y_train"])).astype(np.int32)
        self._train(tf.constant(order))
        return float(self._evaluate())

    def _logits(self, x: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
        for layer in self._layers[:-1]:
            x = tf.nn.relu(layer(x))
        return self._layers[-1](tf.nn.dropout(x, rate))

    def _epoch(self, order: tf.Tensor) -> None:
        for step in tf.range(math.ceil(len(self._data["y_train"]) / self._batch)):
            chosen = order[step * self._batch : (step + 1) * self._batch]
            x = tf.gather(self._data["x_train"], chosen)
            y = tf.gather(self._data["y_train"], chosen)
            with tf.GradientTape() as tape:
                logits = self._logits(x, self._rate)
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
                loss = tf.reduce_mean(losses)
            self._optimizer.apply(tape.gradient(loss, self._variables), self._variables)

    def _accuracy(self) -> Any:
        logits = self._logits(self._data["x_val"], tf.constant(0.0))
        guessed = tf.argmax(logits, axis=-1, output_type=tf.int32)
        return tf.reduce_mean(tf.cast(guessed == self._data["y_val"], tf.float32))


def run(task: Task) -> None:
    """Train all configurations; numbers of trials are places in the list."""
    arrays = load(save_features(task))
    groups: dict[tuple[int, int], _Heads] = {}
    for number, c in enumerate(task.configurations):
        key = (c.units, c.batch_size)
        if key not in groups:
            groups[key] = _Heads(*key, arrays)
        groups[key].reset(c, number)
        chance = np.random.default_rng((task.seed, number))
        for epoch in range(1, task.epochs + 1):
            log_epoch(task.log, number, epoch, groups[key].epoch(chance), c)
