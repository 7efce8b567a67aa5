"""The training loop: a whole epoch inside one graph, on one device or on many."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from trainables.features.in_memory import Examples
from trainables.process.memory import evaluation_batch
from trainables.training.losses import per_example_loss, validation_loss


class Loop:
    """Trains and evaluates one model.

    Each replica of the strategy holds all examples and takes its share of every batch, so the
    last, smaller batch of an epoch counts as it should however many replicas there are.

    What trials of one shape differ in (batch size, label smoothing, class weights, output
    activation) is a value and no part of the graph, which is traced once.

    Args:
        model: Inputs to logits (batch, classes).
        optimizer: Not yet built.
        loss: As in `Hyperparameters.loss`.
        augment: Applied to the inputs of a training batch, or None.
        accumulate: Parts in which a batch is computed, one after the other, with their gradients
            added: less memory for the same update.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.Optimizer,
        loss: str,
        augment: Callable[[tf.Tensor], tf.Tensor] | None = None,
        accumulate: int = 1,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.batch_size = 32
        self._loss, self._augment, self._accumulate = loss, augment, accumulate
        self._smoothing = tf.Variable(0.0, trainable=False)
        self._is_sigmoid = tf.Variable(False, trainable=False)
        self._class_weights = tf.Variable(tf.ones(model.outputs[0].shape[-1]), trainable=False)
        self._strategy = tf.distribute.get_strategy()
        optimizer.build(model.trainable_variables)
        self._train = tf.function(self._epoch, reduce_retracing=True)
        self._evaluate = tf.function(self._evaluation, reduce_retracing=True)

    def adjust(
        self,
        batch_size: int,
        smoothing: float,
        class_weights: np.ndarray,
        output_activation: str = "softmax",
    ) -> None:
        """Take the values of a configuration.

        Args:
            batch_size: Examples in an update.
            smoothing: Share of a label that is spread over all classes, 0..1.
            class_weights: float32 (classes,), what an example of each class counts in training.
            output_activation: What makes probabilities of logits, "softmax" or "sigmoid".
        """
        self.batch_size = batch_size
        self._smoothing.assign(smoothing)
        self._class_weights.assign(class_weights)
        self._is_sigmoid.assign(output_activation == "sigmoid")

    def train_epoch(
        self, examples: Examples, order: np.ndarray, rates: np.ndarray
    ) -> tuple[float, float]:
        """Train on all examples once.

        Args:
            examples: What to train on.
            order: Whole numbers (examples,), a permutation.
            rates: float32 (updates,), the learning rate of each.

        Returns:
            Mean loss and accuracy of the examples, each at the step that trained on it.
        """
        # As long as the order whatever the batch size, so that this does not retrace.
        padded = np.zeros(len(order), np.float32)
        padded[: len(rates)] = rates
        sums = self._train(
            examples.inputs,
            examples.labels,
            # On a GPU, a gather by int32 overflows at 2^31 vectors: other memory would be read.
            tf.constant(order, tf.int64),
            tf.constant(padded),
            tf.constant(self.batch_size),
        )
        return _means(sums, len(examples))

    def evaluate(self, examples: Examples) -> tuple[float, float]:
        """Mean `validation_loss` and accuracy of the examples; nothing is trained."""
        batch = tf.constant(evaluation_batch())
        return _means(self._evaluate(examples.inputs, examples.labels, batch), len(examples))

    def _epoch(
        self,
        inputs: tf.Tensor,
        labels: tf.Tensor,
        order: tf.Tensor,
        rates: tf.Tensor,
        batch: tf.Tensor,
    ) -> tf.Tensor:
        sums = tf.zeros(2)
        for step in tf.range(-(-tf.shape(order)[0] // batch)):
            chosen = order[step * batch : (step + 1) * batch]
            mine = self._strategy.run(self._update, args=(inputs, labels, chosen, rates[step]))
            sums += self._strategy.reduce("SUM", mine, axis=None)
        return sums

    def _update(
        self, inputs: tf.Tensor, labels: tf.Tensor, chosen: tf.Tensor, rate: tf.Tensor
    ) -> tf.Tensor:
        """Make one update; returns this replica's sums of losses and of right answers."""
        share = 1 / tf.cast(tf.shape(chosen)[0], tf.float32)
        chosen, counts = self._mine(chosen)
        if self._accumulate == 1:
            gradients, sums = self._gradients(inputs, labels, chosen, share * counts)
        else:
            gradients, sums = self._accumulated(inputs, labels, chosen, share * counts)
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply(gradients, self.model.trainable_variables)
        return sums * counts

    def _mine(self, chosen: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """This replica's part of a batch, and 1; or another replica's example, and 0."""
        context = tf.distribute.get_replica_context()
        replicas, mine = context.num_replicas_in_sync, context.replica_id_in_sync_group
        if replicas == 1:
            return chosen, tf.constant(1.0)
        count = tf.shape(chosen)[0]
        first = tf.minimum(mine, count - 1)  # fewer examples than replicas: kernels need one
        return chosen[first::replicas], tf.cast(mine < count, tf.float32)

    def _accumulated(
        self, inputs: tf.Tensor, labels: tf.Tensor, chosen: tf.Tensor, share: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """As `_gradients`, part by part; none of the parts is empty."""
        count = tf.shape(chosen)[0]
        size = tf.maximum(1, -(-count // self._accumulate))
        gradients = [tf.zeros(v.shape, v.dtype) for v in self.model.trainable_variables]
        sums = tf.zeros(2)
        for start in tf.range(0, count, size):
            part, more = self._gradients(inputs, labels, chosen[start : start + size], share)
            gradients = [one + other for one, other in zip(gradients, part, strict=True)]
            sums += more
        return gradients, sums

    def _gradients(
        self, inputs: tf.Tensor, labels: tf.Tensor, chosen: tf.Tensor, share: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients of the chosen examples' loss, each counting by `share`, and the sums."""
        batch = tf.cast(tf.gather(inputs, chosen), tf.float32)
        targets = tf.gather(labels, chosen)
        if self._augment is not None:
            batch = self._augment(batch)
        with tf.GradientTape() as tape:
            logits = self.model(batch, training=True)
            losses = per_example_loss(logits, targets, self._loss, self._smoothing)
            weighted = losses * tf.gather(self._class_weights, targets)
            objective = tf.reduce_sum(weighted) * share
        gradients = tape.gradient(
            objective,
            [v.value for v in self.model.trainable_variables],
            unconnected_gradients="zero",
        )
        return gradients, tf.stack([tf.reduce_sum(losses), _correct(logits, targets)])

    def _evaluation(self, inputs: tf.Tensor, labels: tf.Tensor, size: tf.Tensor) -> tf.Tensor:
        sums = tf.zeros(2)
        for start in tf.range(0, tf.shape(labels)[0], size):
            targets = labels[start : start + size]
            batch = tf.cast(inputs[start : start + size], tf.float32)
            logits = self.model(batch, training=False)
            losses = validation_loss(logits, targets, self._is_sigmoid)
            sums += tf.stack([tf.reduce_sum(losses), _correct(logits, targets)])
        return sums


def _means(sums: tf.Tensor, count: int) -> tuple[float, float]:
    loss, correct = sums.numpy()
    return float(loss) / count, float(correct) / count


def _correct(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    guessed = tf.argmax(logits, axis=-1, output_type=labels.dtype)
    return tf.reduce_sum(tf.cast(guessed == labels, tf.float32))
