"""A person's own .keras file as a backbone computes what it did; what cannot be cut is refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spaces.errors import InputError, WeightsError
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from trainables.features.key import feature_key
from trainables.networks.cut import PIXELS, crossings, cut
from trainables.networks.network import build_network
from trainables.training import network_pool
from trainables.training.training import Training

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

SIZE = 16


def convolutional(factor=2.0, size=SIZE, name="pixels"):
    """Two convolutions used as they are, one twice, operations between layers, and a dropout."""
    pixels = keras.Input((size, size, 3), name=name)
    x = keras.layers.Rescaling(1 / 255, name="preprocess")(pixels)
    x = keras.layers.Conv2D(8, 3, padding="same", name="classifier_first")(x)
    x = keras.layers.BatchNormalization(name="norm")(x)
    twice = keras.layers.Conv2D(8, 3, padding="same", activation="relu", name="twice")
    left, right = keras.ops.split(twice(twice(x)), 2, axis=-1)
    x = keras.layers.Concatenate(name="joined")([right, left * factor])
    x = keras.layers.Dropout(0.3, name="dropout")(x)
    return keras.Model(pixels, keras.layers.Conv2D(4, 1, name="last")(x))


def saved(model, path):
    chance = np.random.default_rng(3)
    for variable in model.variables:
        if "seed" not in variable.path:
            variable.assign(
                chance.uniform(0.1, 0.6, variable.shape) - 0.2 * variable.path.count("kernel")
            )
    model.save(path)
    return str(path)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3)).astype(np.float32)


def features(network):
    last = network.backbone_layers[-1]
    return keras.Model(network.model.input, last.output)


def point_of(path, **values):
    return Hyperparameters(backbone=path, **{"image_size": SIZE} | values)


def test_it_computes_what_was_saved(tmp_path, pixels):
    model = convolutional()
    network = build_network(point_of(saved(model, tmp_path / "my.keras")), 3)
    np.testing.assert_array_equal(np.asarray(features(network)(pixels)), np.asarray(model(pixels)))
    assert not any(isinstance(x, keras.Model) for x in network.model.layers)
    assert [x.name for x in network.weight_layers] == ["own_classifier_first", "twice", "last"]
    whole = network.with_probabilities()
    whole.save(tmp_path / "trained.keras")
    again = keras.models.load_model(tmp_path / "trained.keras", safe_mode=True)
    np.testing.assert_array_equal(np.asarray(again(pixels)), np.asarray(whole(pixels)))


def test_sequential_and_other_sizes(tmp_path):
    model = keras.Sequential(
        [keras.Input((SIZE, SIZE, 3)), keras.layers.Conv2D(4, 3), keras.layers.Conv2D(2, 3)]
    )
    path = saved(model, tmp_path / "sequential.keras")
    network = build_network(point_of(path, image_size=20), 2)
    assert features(network).output_shape == (None, 16, 16, 2)
    with pytest.raises(InputError, match="unfrozen_depth is 3.* has 2 weight layers"):
        build_network(point_of(path, unfrozen_depth=3), 2)
    flat = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4)])
    path = saved(flat, tmp_path / "flat.keras")
    with pytest.raises(InputError, match="saved for images of 8 x 8 pixels.*16 x 16"):
        build_network(point_of(path), 2)
    assert len(build_network(point_of(path, image_size=8), 2).weight_layers) == 1


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_what_is_stored_changes_nothing(tmp_path, depth, make_images):
    path = saved(convolutional(), tmp_path / "my.keras")
    images = make_images(20, size=SIZE), make_images(6, size=SIZE, seed=1)
    found = []
    every = [x.name for x in crossings(build_network(point_of(path), 3).model)]
    for kept in (every, ()):
        point = point_of(path, unfrozen_depth=depth, optimizer="sgd", batch_size=8, epochs=1)
        training = Training(point, 3, *images, 5, Objective(), kept=kept)
        training.run_epoch()
        found.append({v.path: v.numpy() for v in training.network.model.weights})
        assert (training._phase.split.name == PIXELS) == (kept == ())
        network_pool.clear()
    for name, array in found[0].items():
        np.testing.assert_allclose(array, found[1][name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_features_of_two_files_are_kept_apart(tmp_path):
    """They differ in a constant between layers alone."""
    keys = []
    for factor in (2.0, 3.0, 2.0):
        path = saved(convolutional(factor), tmp_path / f"{factor}.keras")
        split = cut(build_network(point_of(path), 2).model)
        keys.append(feature_key(split.below, split.name, "data"))
    assert keys[0] != keys[1]


def test_random_weights_are_the_seeds(tmp_path, make_images):
    path = saved(convolutional(), tmp_path / "my.keras")
    first, same, other = (
        network_pool.build_pretrained(point_of(path, weights="none"), 2, seed)
        .model.get_layer("last")
        .get_weights()[0]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)


# What is refused


class Own(keras.Model):
    def __init__(self, **more):
        super().__init__(**more)
        self.dense = keras.layers.Dense(2)

    def call(self, inputs):
        return self.dense(keras.ops.mean(inputs, axis=(1, 2)))


class OwnLayer(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2


def with_layer(*layers):
    return keras.Sequential([keras.Input((SIZE, SIZE, 3)), *layers, keras.layers.Conv2D(2, 3)])


def two_inputs():
    one, two = keras.Input((SIZE, SIZE, 3)), keras.Input((SIZE, SIZE, 3))
    return keras.Model([one, two], keras.layers.Add()([one, two]))


REFUSED = {
    "Own, a subclassed model": Own,
    "is a Lambda": lambda: with_layer(keras.layers.Lambda(lambda x: x)),
    "a whole model inside": lambda: with_layer(convolutional()),
    "OwnLayer of": lambda: with_layer(OwnLayer()),
    r"noise \(GaussianNoise\) draws": lambda: with_layer(
        keras.layers.GaussianNoise(0.1, name="noise")
    ),
    "2 inputs": two_inputs,
    "not RGB": lambda: keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3)]),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_cut_is_refused(sentence, tmp_path):
    path, model = tmp_path / "my.keras", REFUSED[sentence]()
    if not model.built:
        model(np.zeros((1, SIZE, SIZE, 3), np.float32))
    model.save(path)
    with pytest.raises(InputError, match=sentence) as caught:
        build_network(point_of(str(path)), 2)
    assert str(path) in str(caught.value)
    assert "keras.Model(inputs, outputs)" in str(caught.value)


def test_what_is_no_such_file_is_refused(tmp_path):
    path = tmp_path / "my.keras"
    with pytest.raises(WeightsError, match="No such file"):
        build_network(point_of(str(path)), 2)
    path.write_bytes(b"something else")
    with pytest.raises(WeightsError, match=r"not a file that Keras saved as \.keras"):
        build_network(point_of(str(path)), 2)
    with pytest.raises(ValueError, match="backbone is a file that has its own"):
        point_of(str(path), weights="other.h5")
