"""Each optimizer makes the updates of a plain reference: Keras's, or the formulae in NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.optimizers.optimizers import optimizer_of

RATES = [0.01, 0.03, 0.02, 0.005, 0.001]
CHANCE = np.random.default_rng(7)
SHAPES = {"kernel": (4, 3), "bias": (3,)}
START = {name: CHANCE.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
GRADIENTS = [
    {name: CHANCE.normal(size=shape).astype(np.float32) for name, shape in SHAPES.items()}
    for _ in RATES
]


def updated(optimizer, gradients=GRADIENTS):
    """The weights after each update."""
    variables = [keras.Variable(value, name=name) for name, value in START.items()]
    optimizer.build(variables)
    if hasattr(optimizer, "reset"):
        optimizer.reset()
    seen = []
    for rate, gradient in zip(RATES, gradients, strict=True):
        optimizer.learning_rate.assign(rate)
        optimizer.apply([tf.constant(gradient[name]) for name in START], variables)
        if hasattr(optimizer, "update_average"):
            optimizer.update_average(tf.distribute.get_strategy())
        seen.append({name: v.numpy() for name, v in zip(START, variables, strict=True)})
    return seen


def ours(blocks=None, **values):
    return optimizer_of(Hyperparameters(**values), blocks)


def assert_same(found, expected, **tolerance):
    tolerance = {"rtol": 2e-5, "atol": 1e-6} | tolerance
    for one, other in zip(found, expected, strict=True):
        for name in START:
            np.testing.assert_allclose(one[name], other[name], err_msg=name, **tolerance)


def adamw_by_its_paper(decay, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """Algorithm 2 of https://arxiv.org/abs/1711.05101, as PyTorch has it."""
    weights = {name: value.astype(np.float64) for name, value in START.items()}
    first, second = ({name: np.zeros(SHAPES[name]) for name in START} for _ in range(2))
    seen = []
    for step, (rate, gradients) in enumerate(zip(RATES, GRADIENTS, strict=True), start=1):
        for name, gradient in gradients.items():
            if name == "kernel":
                weights[name] = weights[name] * (1 - rate * decay)
            first[name] = beta_1 * first[name] + (1 - beta_1) * gradient
            second[name] = beta_2 * second[name] + (1 - beta_2) * gradient.astype(np.float64) ** 2
            corrected = np.sqrt(second[name] / (1 - beta_2**step)) + epsilon
            weights[name] = weights[name] - rate * first[name] / (1 - beta_1**step) / corrected
        seen.append(dict(weights))
    return seen


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_adamw_is_that_of_its_paper(decay):
    found = updated(ours(optimizer="adamw", weight_decay=decay))
    assert_same(found, adamw_by_its_paper(decay))


def test_adamw_of_tiny_gradients_differs_from_adam_by_where_epsilon_is():
    """Where gradients are as small as ε, the step is half a rate: ε is not scaled up at first."""
    tiny = [{name: np.full(SHAPES[name], 1e-8, np.float32) for name in START}] * len(RATES)
    [first, *_] = updated(ours(optimizer="adamw"), tiny)
    np.testing.assert_allclose(START["kernel"] - first["kernel"], RATES[0] / 2, rtol=1e-3)
    [other, *_] = updated(ours(optimizer="adam"), tiny)
    assert (START["kernel"] - other["kernel"] < RATES[0] / 100).all()


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_lion_is_that_of_keras(decay):
    reference = keras.optimizers.Lion(weight_decay=decay or None)
    reference.exclude_from_weight_decay(var_names=["bias"])
    assert_same(updated(ours(optimizer="lion", weight_decay=decay)), updated(reference))


def schedule_free_by_its_authors(decay, beta_1=0.9, beta_2=0.999, epsilon=1e-8):
    """y and x after each update, of x, y and z as algorithm 1 of the paper has them."""
    x = {name: value.astype(np.float64) for name, value in START.items()}
    y, z = dict(x), dict(x)
    second = {name: np.zeros(SHAPES[name]) for name in START}
    largest = total = 0.0
    trained, averaged = [], []
    for step, (rate, gradients) in enumerate(zip(RATES, GRADIENTS, strict=True), start=1):
        largest = max(largest, rate)
        total += largest**2
        share = largest**2 / total
        for name, gradient in gradients.items():
            second[name] = beta_2 * second[name] + (1 - beta_2) * gradient.astype(np.float64) ** 2
            direction = gradient / (np.sqrt(second[name] / (1 - beta_2**step)) + epsilon)
            if name == "kernel":
                direction = direction + decay * y[name]
            z[name] = z[name] - rate * direction
            x[name] = (1 - share) * x[name] + share * z[name]
            y[name] = (1 - beta_1) * z[name] + beta_1 * x[name]
        trained.append(dict(y))
        averaged.append(dict(x))
    return trained, averaged


@pytest.mark.parametrize("decay", [0.0, 0.3])
def test_schedule_free_is_that_of_its_authors(decay):
    optimizer = ours(optimizer="schedule_free", weight_decay=decay)
    trained, averaged = schedule_free_by_its_authors(decay)
    assert_same(updated(optimizer), trained)
    found = [dict(zip(START, (a.numpy() for a in optimizer.averages()), strict=True))]
    assert_same(found, averaged[-1:])


@pytest.mark.parametrize("norm", [0.5, 3.0, 100.0])
@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd", "lion", "schedule_free"])
def test_gradients_are_clipped_by_their_norm_over_all_weights(kind, norm):
    """As if Keras's clip_by_global_norm had been applied before; it does nothing to 100."""
    norms = [np.sqrt(sum((g**2).sum() for g in gradient.values())) for gradient in GRADIENTS]
    clipped = [
        {name: g * min(1.0, norm / size) for name, g in gradient.items()}
        for gradient, size in zip(GRADIENTS, norms, strict=True)
    ]
    assert min(norms) < 3.0 < max(norms) < 100.0
    found = updated(ours(optimizer=kind, clip_norm=norm))
    assert_same(found, updated(ours(optimizer=kind), clipped), rtol=1e-4)


def test_clipping_is_that_of_keras():
    reference = keras.optimizers.SGD(momentum=0.9, global_clipnorm=0.7)
    found = updated(ours(optimizer="sgd", momentum=0.9, clip_norm=0.7))
    assert_same(found, updated(reference))


@pytest.mark.parametrize("kind", ["adam", "sgd"])
def test_the_average_is_that_of_tensorflow(kind):
    """`tf.train.ExponentialMovingAverage` with the number of updates, which begins low."""
    optimizer = ours(optimizer=kind, ema_momentum=0.3)
    seen = updated(optimizer)
    variables, updates = [tf.Variable(value) for value in START.values()], tf.Variable(0)
    reference = tf.train.ExponentialMovingAverage(0.3, num_updates=updates)
    reference.apply(variables)  # begins with the initial weights
    for weights in seen:
        updates.assign_add(1)
        for variable, value in zip(variables, weights.values(), strict=True):
            variable.assign(value)
        reference.apply(variables)
    for found, variable in zip(optimizer.averages(), variables, strict=True):
        assert not np.allclose(found.numpy(), variable.numpy(), rtol=1e-3)
        expected = reference.average(variable).numpy()
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5)


def test_each_block_has_its_rate():
    """The kernel lies two blocks below the head, the bias in it; decay goes by the rate too."""
    values = {"optimizer": "sgd", "momentum": 0.0, "unfrozen_depth": 1, "weight_decay": 0.2}
    [found, *_] = updated(ours({"kernel": 2, "bias": 0}, **values, layer_decay=0.5))
    rate = RATES[0]
    kernel = START["kernel"] * (1 - 0.25 * rate * 0.2) - 0.25 * rate * GRADIENTS[0]["kernel"]
    np.testing.assert_allclose(found["kernel"], kernel, rtol=1e-5)
    bias = START["bias"] - rate * GRADIENTS[0]["bias"]
    np.testing.assert_allclose(found["bias"], bias, rtol=1e-5)


@pytest.mark.parametrize("kind", ["adam", "adamw", "sgd", "lion", "schedule_free"])
def test_reset_it_begins_anew(kind):
    more = {} if kind == "schedule_free" else {"ema_momentum": 0.9}
    optimizer = ours(optimizer=kind, clip_norm=1.0, weight_decay=0.1, **more)
    variables = [keras.Variable(value, name=name) for name, value in START.items()]
    optimizer.build(variables)
    runs = []
    for _ in range(2):
        for variable, value in zip(variables, START.values(), strict=True):
            variable.assign(value)
        optimizer.reset()
        for gradient in GRADIENTS:
            optimizer.apply([tf.constant(gradient[name]) for name in START], variables)
            optimizer.update_average(tf.distribute.get_strategy())
        runs.append([v.numpy() for v in (*variables, *optimizer.averages())])
    for one, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(one, other)
