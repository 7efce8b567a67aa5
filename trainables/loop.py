"""The training loop: a whole epoch inside one graph, on one device or on many."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.losses import per_example_loss

EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Examples:
    """Inputs of a network, or activations at a cut of it, with their labels.

    Attributes:
        inputs: (examples, ...), uint8 or float32.
        labels: int32 (examples,).
    """

    inputs: tf.Tensor
    labels: tf.Tensor

    def __len__(self) -> int:
        return int(self.labels.shape[0])


class Loop:
    """Trains and evaluates one model.

    Each replica of the strategy holds all examples and takes its share of every batch, so the
    last, smaller batch of an epoch counts as it should however many replicas there are.

    Args:
        model: Inputs to logits (batch, classes).
        optimizer: Not yet built.
        point: Says loss and batch size.
        class_weights: float32 (classes,), what an example of each class counts in training.
        augment: Applied to the inputs of a training batch, or None.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.Optimizer,
        point: Hyperparameters,
        class_weights: np.ndarray,
        augment: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self._point = point
        self._class_weights = tf.constant(class_weights, tf.float32)
        self._augment = augment
        self._strategy = tf.distribute.get_strategy()
        optimizer.build(model.trainable_variables)
        self._train = tf.function(self._epoch)
        self._evaluate = tf.function(self._evaluation, reduce_retracing=True)

    def train_epoch(
        self, examples: Examples, order: np.ndarray, rates: np.ndarray
    ) -> tuple[float, float]:
        """Train on all examples once.

        Args:
            examples: What to train on.
            order: int32 (examples,), a permutation.
            rates: float32 (updates,), the learning rate of each.

        Returns:
            Mean loss and accuracy of the examples, as they were trained.
        """
        sums = self._train(examples.inputs, examples.labels, tf.constant(order), tf.constant(rates))
        return float(sums[0]) / len(examples), float(sums[1]) / len(examples)

    def evaluate(self, examples: Examples) -> tuple[float, float]:
        """Mean loss and accuracy, nothing trained."""
        sums = self._evaluate(examples.inputs, examples.labels)
        return float(sums[0]) / len(examples), float(sums[1]) / len(examples)

    def _epoch(
        self, inputs: tf.Tensor, labels: tf.Tensor, order: tf.Tensor, rates: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        loss, correct = tf.constant(0.0), tf.constant(0.0)
        batch = self._point.batch_size
        for step in tf.range(tf.shape(rates)[0]):
            chosen = order[step * batch : (step + 1) * batch]
            sums = self._strategy.run(self._update, args=(inputs, labels, chosen, rates[step]))
            loss += self._strategy.reduce("SUM", sums[0], axis=None)
            correct += self._strategy.reduce("SUM", sums[1], axis=None)
        return loss, correct

    def _update(
        self, inputs: tf.Tensor, labels: tf.Tensor, chosen: tf.Tensor, rate: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        total = tf.cast(tf.shape(chosen)[0], tf.float32)
        context = tf.distribute.get_replica_context()
        mine = chosen[context.replica_id_in_sync_group :: context.num_replicas_in_sync]
        batch = tf.cast(tf.gather(inputs, mine), tf.float32)
        targets = tf.gather(labels, mine)
        if self._augment is not None:
            batch = self._augment(batch)
        variables = self.model.trainable_variables
        with tf.GradientTape() as tape:
            logits = self.model(batch, training=True)
            losses = per_example_loss(logits, targets, self._point)
            weighted = losses * tf.gather(self._class_weights, targets)
            objective = tf.reduce_sum(weighted) / total
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply(tape.gradient(objective, variables), variables)
        return tf.reduce_sum(losses), _correct(logits, targets)

    def _evaluation(self, inputs: tf.Tensor, labels: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        loss, correct = tf.constant(0.0), tf.constant(0.0)
        for start in tf.range(0, tf.shape(labels)[0], EVALUATION_BATCH):
            targets = labels[start : start + EVALUATION_BATCH]
            batch = tf.cast(inputs[start : start + EVALUATION_BATCH], tf.float32)
            logits = self.model(batch, training=False)
            loss += tf.reduce_sum(per_example_loss(logits, targets, self._point))
            correct += _correct(logits, targets)
        return loss, correct


def _correct(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    guessed = tf.argmax(logits, axis=-1, output_type=labels.dtype)
    return tf.reduce_sum(tf.cast(guessed == labels, tf.float32))


def blocks(
    model: keras.Model, inputs: np.ndarray, batch: int = EVALUATION_BATCH
) -> Iterator[np.ndarray]:
    """Outputs of a model, float32, batch by batch, nothing trained."""
    signature = tf.TensorSpec((None, *inputs.shape[1:]), tf.as_dtype(inputs.dtype))

    @tf.function(input_signature=[signature])
    def step(chunk: tf.Tensor) -> tf.Tensor:
        return model(tf.cast(chunk, tf.float32), training=False)

    for start in range(0, len(inputs), batch):
        yield step(tf.constant(inputs[start : start + batch])).numpy()


def forward(model: keras.Model, inputs: np.ndarray) -> np.ndarray:
    """Outputs of a model for all inputs, float32, nothing trained."""
    return np.concatenate(list(blocks(model, inputs)))
