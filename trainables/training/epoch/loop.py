"""The training loop: a whole epoch inside one graph, on one device or on many."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from spaces.metrics import auc, balanced_accuracy, confusion, macro_f1
from trainables.augmentation.batch import BatchAugmentation, Draws
from trainables.features.in_memory import Examples
from trainables.networks.forward import evaluation_batch
from trainables.optimizers.adjustable import Adjustable
from trainables.optimizers.loss_scaling import LossScaling
from trainables.process.memory import evaluation_parts
from trainables.process.precision import is_scaled
from trainables.training.epoch.batch import at_the_cut
from trainables.training.epoch.chunks import evaluation_chunks, training_chunks
from trainables.training.losses import per_example_loss, validation_loss


class Loop:
    """Trains and evaluates one model.

    Each replica of the strategy takes its share of every batch, so the last, smaller batch of an
    epoch counts as it should however many replicas there are. Examples that are not in memory are
    read chunk by chunk, with the same updates.

    What trials of one shape differ in (batch size, label smoothing, class weights, output
    activation, γ, the logits' adjustment) is a value and no part of the graph, which is traced
    once.

    Args:
        model: Features at the cut to logits (batch, classes).
        optimizer: Not yet built.
        loss: As in `Hyperparameters.loss`.
        augment: Augmentation of a training batch, or None.
        accumulate: Parts in which a batch is computed, one after the other, with their gradients
            added: less memory for the same update.
        below: What lies between the examples and the cut, and is not trained; None: nothing.
        adjusts_logits: Whether training adds something to the logits of each class.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: keras.Optimizer,
        loss: str,
        augment: BatchAugmentation | None = None,
        accumulate: int = 1,
        below: keras.Model | None = None,
        adjusts_logits: bool = False,
    ) -> None:
        self.model = model
        self.optimizer = optimizer
        self.batch_size = 32
        self._loss, self._augment, self._below = loss, augment, below
        self._accumulate, self._adjusts_logits = accumulate, adjusts_logits
        classes = model.outputs[0].shape[-1]
        self._smoothing, self._gamma = (tf.Variable(0.0, trainable=False) for _ in range(2))
        self._is_sigmoid = tf.Variable(False, trainable=False)
        self._class_weights = tf.Variable(tf.ones(classes), trainable=False)
        self._adjustment = tf.Variable(tf.zeros(classes), trainable=False)
        parts = [model] if below is None else [below, model]
        self._evaluation_batch = min(map(evaluation_batch, parts))
        self._strategy = tf.distribute.get_strategy()
        optimizer.build(model.trainable_variables)
        self._scaling = LossScaling(optimizer) if is_scaled() else None
        self._train = tf.function(self._epoch, reduce_retracing=True)
        self._evaluate = tf.function(self._evaluation, reduce_retracing=True)

    def adjust(
        self,
        batch_size: int,
        smoothing: float,
        class_weights: np.ndarray,
        output_activation: str = "softmax",
        gamma: float = 0.0,
        adjustment: np.ndarray | float = 0.0,
    ) -> None:
        """Take the values of a configuration.

        Args:
            batch_size: Examples in an update.
            smoothing: Share of a label that is spread over all classes, 0..1.
            class_weights: float32 (classes,), what an example of each class counts in training.
            output_activation: What makes probabilities of logits, "softmax" or "sigmoid".
            gamma: Of the focal loss.
            adjustment: float32 (classes,), added to the logits in training; 0 adds nothing.
        """
        self.batch_size = batch_size
        self._gamma.assign(gamma)
        self._adjustment.assign(np.broadcast_to(np.float32(adjustment), self._adjustment.shape))
        self._smoothing.assign(smoothing)
        self._class_weights.assign(class_weights)
        self._is_sigmoid.assign(output_activation == "sigmoid")

    def train_epoch(
        self,
        examples: Examples,
        order: np.ndarray,
        rates: np.ndarray,
        key: tuple[int, int] = (0, 0),
    ) -> tuple[float, float]:
        """Train on all examples once.

        Args:
            examples: What to train on.
            order: Whole numbers (examples,), positions of examples; one may be there twice.
            rates: float32 (updates,), the learning rate of each.
            key: Of the augmentation's random numbers: the same key draws the same.

        Returns:
            Mean loss and accuracy of the examples, each at the step that trained on it. Of an
            example that is mixed with another one, both labels count by their shares.
        """
        sums = tf.zeros(2)
        for chunk in training_chunks(examples, order, self.batch_size):
            data = {"inputs": chunk.inputs, "labels": chunk.labels, **chunk.about}
            # As long as the order whatever the batch size, so that this does not retrace.
            padded = np.zeros(len(chunk.order), np.float32)
            own = rates[chunk.first :][: len(padded)]
            padded[: len(own)] = own
            if not examples.are_resident:  # traced once, for chunks of any length
                rows = {name: _any_number(array)[0] for name, array in data.items()}
                anything = rows, *_any_number(chunk.order, padded)
                self._train.get_concrete_function(*anything, _NUMBER, _KEY, _NUMBER, _SUMS)
            sums = self._train(
                data,
                chunk.order,
                tf.constant(padded),
                tf.constant(self.batch_size),
                tf.constant(key, tf.int64),
                tf.constant(chunk.first),
                sums,
            )
        return _means(sums, len(examples))

    def evaluate(self, examples: Examples, has_auc: bool = False) -> dict[str, float]:
        """Mean `validation_loss` and the scores of the examples, by name; nothing is trained.

        Args:
            examples: What to evaluate on.
            has_auc: Whether the area under the ROC curve is among the scores; it takes longer.
        """
        loss, found = 0.0, []
        size = max(1, self._evaluation_batch // evaluation_parts())
        for inputs, labels in evaluation_chunks(examples, size):
            if not examples.are_resident:
                self._evaluate.get_concrete_function(*_any_number(inputs, labels), _NUMBER, has_auc)
            one, *outputs = self._evaluate(inputs, labels, tf.constant(size), has_auc)
            loss += float(one)
            found.append([np.asarray(labels), *(output.numpy() for output in outputs)])
        labels, predicted, shares = map(np.concatenate, zip(*found, strict=True))
        counts = confusion(labels, predicted, self._adjustment.shape[0]).astype(np.float64)
        scores = {
            "loss": loss / len(examples),
            "accuracy": float(np.trace(counts)) / len(examples),
            "balanced_accuracy": balanced_accuracy(counts)[0],
            "macro_f1": macro_f1(counts)[0],
        }
        return scores | ({"auc": auc(labels, shares)} if has_auc else {})

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The model with the weights that its optimizer averages, if it does.

        The weights that are trained come back at the end.
        """
        averages = self.optimizer.averages() if isinstance(self.optimizer, Adjustable) else None
        if averages is None:
            yield
            return
        weights = self.model.trainable_variables
        trained = [weight.value.read_value() for weight in weights]
        for weight, average in zip(weights, averages, strict=True):
            weight.assign(average)
        try:
            yield
        finally:
            for weight, value in zip(weights, trained, strict=True):
                weight.assign(value)

    def _epoch(
        self,
        data: Mapping[str, tf.Tensor],
        order: tf.Tensor,
        rates: tf.Tensor,
        batch: tf.Tensor,
        key: tf.Tensor,
        first: tf.Tensor,
        sums: tf.Tensor,
    ) -> tf.Tensor:
        for step in tf.range(-(-tf.shape(order)[0] // batch)):
            chosen = order[step * batch : (step + 1) * batch]
            args = data, chosen, rates[step], key, first + step
            mine = self._strategy.run(self._update, args=args)
            sums += self._strategy.reduce("SUM", mine, axis=None)
            if isinstance(self.optimizer, Adjustable):
                self.optimizer.update_average(self._strategy)
        return sums

    def _update(
        self,
        data: Mapping[str, tf.Tensor],
        chosen: tf.Tensor,
        rate: tf.Tensor,
        key: tf.Tensor,
        step: tf.Tensor,
    ) -> tf.Tensor:
        """Make one update; returns this replica's sums of losses and of right answers."""
        count = tf.shape(chosen)[0]
        share = 1 / tf.cast(count, tf.float32)
        drawn: Draws = {}
        if self._augment is not None:
            own_key = tf.random.experimental.stateless_fold_in(key, step)
            drawn = self._augment.draw(count, own_key, self.model.inputs[0].shape[-1])
        (chosen, drawn), counts = self._mine((chosen, drawn), count)
        if self._accumulate == 1:
            gradients, sums = self._gradients(data, chosen, drawn, share * counts)
        else:
            gradients, sums = self._accumulated(data, chosen, drawn, share * counts)
        self.optimizer.learning_rate.assign(rate)
        applier = self.optimizer if self._scaling is None else self._scaling
        applier.apply(gradients, self.model.trainable_variables)
        return sums * counts

    def _mine(self, batch: Any, count: tf.Tensor) -> tuple[Any, tf.Tensor]:
        """This replica's part of a batch, and 1; or another replica's example, and 0."""
        context = tf.distribute.get_replica_context()
        replicas, mine = context.num_replicas_in_sync, context.replica_id_in_sync_group
        if replicas == 1:
            return batch, tf.constant(1.0)
        first = tf.minimum(mine, count - 1)  # fewer examples than replicas: kernels need one
        share = tf.nest.map_structure(lambda rows: rows[first::replicas], batch)
        return share, tf.cast(mine < count, tf.float32)

    def _accumulated(
        self, data: Mapping[str, tf.Tensor], chosen: tf.Tensor, drawn: Draws, share: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """As `_gradients`, part by part; none of the parts is empty."""
        count = tf.shape(chosen)[0]
        size = tf.maximum(1, -(-count // self._accumulate))
        gradients = [tf.zeros(v.shape, v.dtype) for v in self.model.trainable_variables]
        sums = tf.zeros(2)
        for start in tf.range(0, count, size):
            end = start + size
            draws = {name: numbers[start:end] for name, numbers in drawn.items()}
            part, more = self._gradients(data, chosen[start:end], draws, share)
            gradients = [one + other for one, other in zip(gradients, part, strict=True)]
            sums += more
        return gradients, sums

    def _gradients(
        self, data: Mapping[str, tf.Tensor], chosen: tf.Tensor, drawn: Draws, share: tf.Tensor
    ) -> tuple[list[tf.Tensor], tf.Tensor]:
        """Gradients of the chosen examples' loss, each counting by `share`, and the sums."""
        examples = {name: tf.gather(rows, chosen) for name, rows in data.items()}
        batch, labels = at_the_cut(examples, drawn, self._augment, self._below)
        with tf.GradientTape() as tape:
            logits = self.model(batch, training=True)
            losses, objective, correct = tf.constant(0.0), tf.constant(0.0), tf.constant(0.0)
            for targets, shares in labels:
                loss = self._losses(logits, targets) * shares
                losses += tf.reduce_sum(loss)
                objective += tf.reduce_sum(loss * tf.gather(self._class_weights, targets)) * share
                correct += tf.reduce_sum(_is_right(logits, targets) * shares)
            if self._scaling is not None:
                objective *= self._scaling.scale
        gradients = tape.gradient(
            objective,
            [v.value for v in self.model.trainable_variables],
            unconnected_gradients="zero",
        )
        return gradients, tf.stack([losses, correct])

    def _losses(self, logits: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        if self._adjusts_logits:
            logits += self._adjustment
        return per_example_loss(logits, targets, self._loss, self._smoothing, self._gamma)

    def _evaluation(
        self, inputs: tf.Tensor, labels: tf.Tensor, size: tf.Tensor, has_shares: bool
    ) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """The sum of losses, the predicted classes, and the probabilities if they are asked for."""
        classes = self._adjustment.shape[0]
        loss = tf.zeros(())
        predicted = _parts(tf.int64, ())
        shares = _parts(tf.float32, (classes,))
        for start in tf.range(0, tf.shape(labels)[0], size):
            targets = labels[start : start + size]
            batch = tf.cast(inputs[start : start + size], tf.float32)
            if self._below is not None:
                batch = self._below(batch, training=False)
            logits = self.model(batch, training=False)
            loss += tf.reduce_sum(validation_loss(logits, targets, self._is_sigmoid))
            predicted = predicted.write(predicted.size(), tf.argmax(logits, axis=-1))
            if has_shares:
                outputs = tf.where(self._is_sigmoid, tf.math.log_sigmoid(logits), logits)
                shares = shares.write(shares.size(), tf.nn.softmax(outputs))
        return loss, predicted.concat(), shares.concat() if has_shares else tf.zeros((0, classes))


def _parts(dtype: tf.DType, shape: tuple[int, ...]) -> tf.TensorArray:
    """Arrays of unequal length, to be concatenated."""
    return tf.TensorArray(
        dtype, size=0, dynamic_size=True, infer_shape=False, element_shape=(None, *shape)
    )


_NUMBER, _KEY = tf.TensorSpec((), tf.int32), tf.TensorSpec((2,), tf.int64)
_SUMS = tf.TensorSpec((2,), tf.float32)
"""Sums of the losses and of the right answers."""


def _any_number(*arrays: tf.Tensor | np.ndarray) -> list[tf.TensorSpec]:
    return [tf.TensorSpec((None, *array.shape[1:]), array.dtype) for array in arrays]


def _means(sums: tf.Tensor, count: int) -> tuple[float, float]:
    loss, correct = sums.numpy()
    return float(loss) / count, float(correct) / count


def _is_right(logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Whether each guess is right, float32 (batch,): 1 or 0."""
    guessed = tf.argmax(logits, axis=-1, output_type=labels.dtype)
    return tf.cast(guessed == labels, tf.float32)
