"""The head: poolings, hidden layers, batch norms, dropouts and convolutions, in their order."""

from __future__ import annotations

from typing import get_args

import keras
import numpy as np
import pytest

from spaces.errors import InputError
from spaces.hyperparameters import Hyperparameters, Pooling
from trainables.networks.head import LOGITS, PREFIX, head

CLASSES = 5
MAPS, VECTOR = (4, 6, 3), (7,)


def built(shape=MAPS, **values):
    features = keras.Input(shape)
    return keras.Model(features, head(features, Hyperparameters(**values), CLASSES))


def kinds(model):
    """Class name of each layer, input first."""
    return [type(layer).__name__.removeprefix("Adjustable") for layer in model.layers[1:]]


POOLED = {
    "average": lambda maps: maps.mean(axis=(1, 2)),
    "max": lambda maps: maps.max(axis=(1, 2)),
    "flatten": lambda maps: maps.reshape(len(maps), -1),
}


def test_every_pooling_is_compared():
    assert set(POOLED) == set(get_args(Pooling))


@pytest.mark.parametrize("pooling", POOLED)
def test_a_pooling_makes_the_vector_that_the_logits_are_made_of(pooling):
    model = built(pooling=pooling)
    maps = np.random.default_rng(0).normal(size=(2, *MAPS)).astype(np.float32)
    kernel, bias = model.get_layer(LOGITS).get_weights()
    expected = POOLED[pooling](maps) @ kernel + bias
    np.testing.assert_allclose(model(maps), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", POOLED)
def test_a_vector_needs_no_pooling(pooling):
    assert kinds(built(VECTOR, pooling=pooling, convolutions=(8,))) == ["Dense"]


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("pool", [False, True])
def test_convolutions_stand_before_the_pooling(norm, pool):
    model = built(convolutions=(8, 16), convolution_batch_norm=norm, convolution_pooling=pool)
    block = ["Conv2D", *["BatchNormalization"] * norm, *["MaxPooling2D"] * pool]
    assert kinds(model) == [*block, *block, "GlobalAveragePooling2D", "Dense"]
    maps = model.get_layer(f"{PREFIX}pooling_average").input
    assert maps.shape[1:] == ((1, 1, 16) if pool else (4, 6, 16))


def test_poolings_that_leave_nothing_are_refused():
    """4 x 6 places are halved to 2 x 3 and 1 x 1; a third pooling has nothing to take."""
    values = {"convolution_pooling": True, "convolutions": (8, 8, 8), "image_size": 99}
    with pytest.raises(InputError, match=r"3 convolutions, but 1 x 1 places.*99 pixels.*at most 2"):
        built(**values)
    built(**values | {"convolution_pooling": False})


@pytest.mark.parametrize(
    "values",
    [
        {"head_batch_norm": "pooling"},
        {"head_batch_norm": "dense", "dense_units": (8,)},
        {"convolutions": (8,), "convolution_batch_norm": True},
    ],
)
def test_a_batch_norm_knows_small_data_after_some_epochs(values):
    """Of 1,000 images in batches of 128, 5 epochs are 40 updates."""
    model = built(**values)
    [norm] = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    maps = np.random.default_rng(0).normal(3, 2, (256, *MAPS)).astype(np.float32)
    for _ in range(40):
        model(maps, training=True)
    seen = keras.Model(model.input, norm.input)(maps).numpy().reshape(-1, norm.input.shape[-1])
    np.testing.assert_allclose(norm.moving_mean, seen.mean(0), rtol=0.02, atol=0.02)
    np.testing.assert_allclose(norm.moving_variance, seen.var(0), rtol=0.05, atol=0.02)


NORM, DROP, DENSE = "BatchNormalization", "Dropout", "Dense"


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, [DENSE]),
        ({"dropout": 0.5}, [DROP, DENSE]),
        ({"dropout": 0.5, "dropout_place": "last"}, [DROP, DENSE]),
        ({"dense_units": (8, 4)}, [DENSE, DENSE, DENSE]),
        (
            {"dense_units": (8, 4), "dropout": 0.5, "dropout_place": "each"},
            [DENSE, DROP, DENSE, DROP, DENSE],
        ),
        (
            {"dense_units": (8, 4), "dropout": 0.5, "dropout_place": "first"},
            [DROP, DENSE, DENSE, DENSE],
        ),
        (
            {"dense_units": (8, 4), "dropout": 0.5, "dropout_place": "last"},
            [DENSE, DENSE, DROP, DENSE],
        ),
        ({"dense_units": (8,), "head_batch_norm": "pooling"}, [NORM, DENSE, DENSE]),
        (
            {"dense_units": (8, 4), "head_batch_norm": "dense", "dropout": 0.5},
            [DENSE, NORM, DROP, DENSE, NORM, DROP, DENSE],
        ),
        ({"head_batch_norm": "dense"}, [DENSE]),
        ({"head_batch_norm": "pooling", "dropout": 0.5}, [NORM, DROP, DENSE]),
    ],
)
def test_what_follows_the_pooling(values, expected):
    assert kinds(built(**values))[1:] == expected


def test_hidden_layers_have_their_widths_and_relu():
    model = built(dense_units=(8, 4))
    hidden = [layer for layer in model.layers if isinstance(layer, keras.layers.Dense)][:-1]
    assert [layer.units for layer in hidden] == [8, 4]
    assert {layer.activation for layer in hidden} == {keras.activations.relu}


def test_logits_are_not_squeezed():
    assert built().get_layer(LOGITS).activation is keras.activations.linear


def test_every_layer_bears_the_heads_prefix():
    model = built(
        convolutions=(4,),
        convolution_batch_norm=True,
        convolution_pooling=True,
        dense_units=(8, 4),
        head_batch_norm="dense",
        dropout=0.1,
    )
    assert len(model.layers) == 12
    assert all(layer.name.startswith(PREFIX) for layer in model.layers[1:])


def test_dropout_drops_its_share():
    model = built(VECTOR, dropout=0.75, dense_units=(4000,))
    dropout = next(layer for layer in model.layers if isinstance(layer, keras.layers.Dropout))
    dropped = np.asarray(dropout(np.ones((50, 4000), np.float32), training=True)) == 0
    assert dropped.mean() == pytest.approx(0.75, abs=0.01)
