"""Trained networks brought back: from a checkpoint, from a saved model, and what is refused."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from spaces.errors import RunStateError
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from trainables.networks.forward import forward
from trainables.prediction.inference import best_model, load_model, probabilities
from trainables.training.training import Training

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saves through what NumPy 2.4 deprecates."""

CLASSES = 3
POINT = Hyperparameters(
    backbone="none",
    weights="none",
    image_size=16,
    preprocessing="unit",
    convolutions=(4,),
    dense_units=(6,),
    head_batch_norm="dense",
    dropout=0.3,
    optimizer="sgd",
    learning_rate=0.5,
    epochs=3,
)
THAWED = Hyperparameters(
    image_size=32, truncation_layer="block2_add", unfrozen_depth=2, batch_norm="trained", epochs=1
)


@pytest.fixture(scope="module", params=[POINT, THAWED], ids=["without a backbone", "thawed"])
def trained(request, make_images):
    size = request.param.image_size
    train, validation = make_images(30, CLASSES, size), make_images(12, CLASSES, size, seed=1)
    training = Training(request.param, CLASSES, train, validation, 5, Objective())
    while training.end is None:
        training.run_epoch()
    return training


def test_a_checkpoint_gives_the_network_of_the_best_epoch(trained, make_images):
    model = best_model(trained.point, CLASSES, trained.state())
    pixels = make_images(7, CLASSES, trained.point.image_size, seed=2).pixels
    found = probabilities(model, pixels)
    trained.restore_best()
    expected = keras.activations.softmax(forward(trained.network.model, pixels))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)


def test_a_checkpoint_of_another_configuration_is_refused(make_images):
    images = make_images(12, CLASSES, 16)
    state = Training(POINT, CLASSES, images, images, 5, Objective()).state()
    assert best_model(POINT, CLASSES, state)
    other = dataclasses.replace(POINT, dense_units=(9,))
    larger = state | {"best/99": np.zeros(3)}
    for point, classes, given in (
        (other, CLASSES, state),
        (POINT, CLASSES + 1, state),
        (POINT, CLASSES, larger),
        (POINT, CLASSES, {}),
    ):
        with pytest.raises(RunStateError, match=r"does not fit .* best/\d+ has shape"):
            best_model(point, classes, given)


def test_a_saved_model_says_the_same(trained, make_images, tmp_path):
    model = trained.network.with_probabilities()
    pixels = make_images(5, CLASSES, trained.point.image_size).pixels
    model.save(tmp_path / "model.keras")
    loaded = load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        probabilities(loaded, pixels), probabilities(model, pixels), rtol=1e-5, atol=1e-7
    )


class TestLoading:
    def test_a_missing_file_is_refused(self, tmp_path):
        with pytest.raises(RunStateError, match="cannot be loaded"):
            load_model(tmp_path / "model.keras")

    @pytest.mark.parametrize("content", [b"", b"no model", b"PK\x03\x04 no zip"])
    def test_a_damaged_file_is_refused(self, tmp_path, content):
        path = tmp_path / "model.keras"
        path.write_bytes(content)
        with pytest.raises(RunStateError, match="cannot be loaded"):
            load_model(path)

    def test_a_file_that_was_cut_off_is_refused(self, tmp_path):
        path = tmp_path / "model.keras"
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save(path)
        path.write_bytes(path.read_bytes()[:-200])
        with pytest.raises(RunStateError, match="cannot be loaded"):
            load_model(path)

    def test_a_model_that_holds_code_is_refused(self, tmp_path):
        path = tmp_path / "model.keras"
        lambda_layer = keras.layers.Lambda(lambda x: x + 1)
        keras.Sequential([keras.Input((4,)), lambda_layer]).save(path)
        with pytest.raises(RunStateError, match="cannot be loaded"):
            load_model(path)


class TestProbabilities:
    def model(self, outputs):
        """Says the same of every image."""
        pixels = keras.Input((4, 4, 3))
        flat = keras.layers.Flatten()(pixels)
        dense = keras.layers.Dense(
            len(outputs), kernel_initializer="zeros", bias_initializer=lambda *_, **__: outputs
        )
        return keras.Model(pixels, dense(flat))

    def shares(self, outputs):
        outputs = np.array(outputs, np.float32)
        return probabilities(self.model(outputs), np.zeros((5, 4, 4, 3), np.uint8))

    @pytest.mark.parametrize("outputs", [[0.9, 0.8, 0.1], [0.2, 0.3, 0.5], [1e-30, 1e-30, 0.0]])
    def test_they_sum_to_one(self, outputs):
        shares = self.shares(outputs)
        assert shares.shape == (5, 3)
        assert shares.sum(-1) == pytest.approx(np.ones(5))
        assert (shares >= 0).all()
        np.testing.assert_allclose(shares[0], np.array(outputs) / np.sum(outputs), rtol=1e-5)

    def test_a_network_that_is_sure_of_no_class_still_has_shares(self):
        """Sigmoid outputs can all be zero in float32."""
        shares = self.shares([0.0, 0.0, 0.0])
        assert np.isfinite(shares).all()
        assert shares.sum(-1) == pytest.approx(np.ones(5))
