"""Where a training begins depends on its seed alone."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from trainables.networks.forward import forward
from trainables.prediction.inference import best_model
from trainables.training import network_pool
from trainables.training.network_pool import build_pretrained
from trainables.training.training import Training

CONVNEXT = Hyperparameters(
    backbone="ConvNeXtTiny", weights="none", image_size=32, epochs=2, learning_rate=0.01
)
"""Its stem and its downsampling are Sequentials."""


@pytest.fixture(autouse=True)
def empty_pool():
    network_pool.clear()
    yield
    network_pool.clear()


@pytest.mark.parametrize("backbone", ["ConvNeXtTiny", "MobileNetV3Small", "EfficientNetV2B0"])
def test_every_weight_is_drawn_from_the_seed(backbone):
    point = Hyperparameters(backbone=backbone, weights="none", image_size=32)
    models = []
    for disturbed, seed in ((1, 5), (2, 5), (2, 6)):
        keras.utils.set_random_seed(disturbed)  # what was built before in the process
        models.append(build_pretrained(point, 3, seed).model)
    drawn = 0
    for one, same, other in zip(*(model.weights for model in models), strict=True):
        np.testing.assert_array_equal(one.numpy(), same.numpy(), err_msg=one.path)
        drawn += not np.array_equal(one.numpy(), other.numpy())
    kernels = [weight for weight in models[0].weights if "kernel" in weight.name]
    assert drawn == len(kernels), "all kernels, and nothing else"


def test_what_is_rebuilt_of_random_weights_is_what_was_trained(make_images):
    images = make_images(24, 3)
    measured = []
    for disturbed in (1, 2):
        keras.utils.set_random_seed(disturbed)
        network_pool.clear()
        training = Training(CONVNEXT, 3, images, images, 7, Objective())
        measured.append([training.run_epoch() for _ in range(2)])
    for one, other in zip(*measured, strict=True):
        assert (one.train_loss, one.val_loss) == (other.train_loss, other.val_loss)
    training.restore_best()
    expected = keras.ops.softmax(forward(training.network.model, images.pixels))
    rebuilt = best_model(CONVNEXT, 3, training.state())
    np.testing.assert_allclose(forward(rebuilt, images.pixels), expected, atol=1e-6)
