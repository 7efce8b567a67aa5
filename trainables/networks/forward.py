"""Outputs of a network for many inputs, batch by batch, with nothing trained."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainables.cache.lazy_rows import Rows
from trainables.process.memory import evaluation_parts

EVALUATION_BATCH = 256
"""The most inputs in a batch."""

_ACTIVATIONS = 2**29
"""Bytes that the two largest activations of a batch may take, as a rule."""


def evaluation_batch(model: keras.Model) -> int:
    """Inputs in a batch: a power of two, fewer for networks with large activations."""
    outputs = keras.tree.flatten([layer.output for layer in model.layers])
    largest = max(math.prod(output.shape[1:]) for output in outputs)
    fitting = max(1, _ACTIVATIONS // (2 * 4 * largest))
    return int(min(EVALUATION_BATCH, 2 ** (fitting.bit_length() - 1)))


def rows_of(
    model: keras.Model, inputs: Rows, batch: int | None = None
) -> Callable[[int, int], Iterator[np.ndarray]]:
    """A function from a range of inputs (first, last + 1) to the model's outputs for them.

    Yields float32 arrays, one for each batch, by default of `evaluation_batch`; trains nothing.
    An input has the same outputs in whatever batch it is.
    """
    batch = batch or max(1, evaluation_batch(model) // evaluation_parts())
    step = _inference(model, tf.TensorSpec((None, *inputs.shape[1:]), tf.as_dtype(inputs.dtype)))

    def rows(first: int, last: int) -> Iterator[np.ndarray]:
        for start in range(first, last, batch):
            yield outputs_of(step, inputs[start : min(last, start + batch)])[0]

    return rows


def outputs_of(step: Callable[[tf.Tensor], Any], inputs: np.ndarray) -> list[np.ndarray]:
    """The outputs of a graph for a batch.

    TensorFlow computes a single input in another way than several, with other rounding. So it is
    computed twice at once, and an input's outputs do not depend on what is computed with it.
    """
    batch = inputs if len(inputs) > 1 else np.repeat(inputs, 2, axis=0)
    outputs = tf.nest.flatten(step(tf.constant(batch)))
    return [output.numpy()[: len(inputs)] for output in outputs]


def _inference(model: keras.Model, signature: tf.TensorSpec) -> Callable[[tf.Tensor], tf.Tensor]:
    """The model as a graph, traced once and kept with the model."""
    graphs = vars(model).setdefault("_inference_graphs", {})
    if signature not in graphs:

        @tf.function(input_signature=[signature])
        def step(chunk: tf.Tensor) -> tf.Tensor:
            return tf.cast(model(tf.cast(chunk, tf.float32), training=False), tf.float32)

        graphs[signature] = step
    found: Callable[[tf.Tensor], tf.Tensor] = graphs[signature]
    return found


def forward(model: keras.Model, inputs: Rows) -> np.ndarray:
    """Outputs of a model for all inputs, float32; trains nothing."""
    found = np.empty((len(inputs), *model.outputs[0].shape[1:]), np.float32)
    start = 0
    for block in rows_of(model, inputs)(0, len(inputs)):
        found[start : start + len(block)] = block
        start += len(block)
    return found
