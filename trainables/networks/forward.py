"""Outputs of a network for many inputs, batch by batch, with nothing trained."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import tensorflow as tf

from trainables.process.memory import evaluation_batch


def rows_of(
    model: keras.Model, inputs: np.ndarray, batch: int | None = None
) -> Callable[[int, int], Iterator[np.ndarray]]:
    """A function from a range of inputs (first, last + 1) to the model's outputs for them.

    Yields float32 arrays, one for each batch (by default `evaluation_batch`); trains nothing.
    """
    size = batch or evaluation_batch()
    step = _inference(model, tf.TensorSpec((None, *inputs.shape[1:]), tf.as_dtype(inputs.dtype)))

    def rows(first: int, last: int) -> Iterator[np.ndarray]:
        for start in range(first, last, size):
            yield step(tf.constant(inputs[start : min(last, start + size)])).numpy()

    return rows


def _inference(model: keras.Model, signature: tf.TensorSpec) -> Callable[[tf.Tensor], tf.Tensor]:
    """The model as a graph, traced once and kept with the model."""
    graphs = vars(model).setdefault("_inference_graphs", {})
    if signature not in graphs:

        @tf.function(input_signature=[signature])
        def step(chunk: tf.Tensor) -> tf.Tensor:
            return model(tf.cast(chunk, tf.float32), training=False)

        graphs[signature] = step
    found: Callable[[tf.Tensor], tf.Tensor] = graphs[signature]
    return found


def forward(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Outputs of a model for all inputs, float32; trains nothing."""
    return np.concatenate(list(rows_of(model, inputs)(0, len(inputs))))
