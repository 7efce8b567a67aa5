"""Small configurations to train, their weights by name, and training to the end."""

from __future__ import annotations

import dataclasses
import re

import numpy as np

from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective

MAX = Objective(metric="val_accuracy", mode="max")
MIN = Objective(metric="val_loss", mode="min")
CLASSES = 3

TINY = {
    "backbone": "none",
    "weights": "none",
    "image_size": 16,
    "preprocessing": "unit",
    "convolutions": (4,),
    "convolution_pooling": True,
    "batch_size": 16,
    "epochs": 4,
    "learning_rate": 0.01,
}
COMMON = {"image_size": 32, "batch_size": 16, "epochs": 4}
LITE = COMMON | {"truncation_layer": "block4_add"}
"""EfficientNet-Lite0 with its ImageNet weights, cut off early: random ones would say nothing."""

VGG = COMMON | {"backbone": "VGG16", "weights": "none", "truncation_layer": "block2_pool"}
"""Without batch norms, where they do not matter."""


def point(base=TINY, **values):
    return Hyperparameters(**(base | values))


def weights(training):
    return weights_of(training.network.model)


def weights_of(model):
    """By name; Keras numbers random number generators on from whatever was built before."""
    return {
        re.sub(r"seed_generator_\d+/", "seed_generator/", v.path): v.numpy()
        for v in model.variables
    }


def assert_same_weights(one, other, **tolerance):
    assert list(one) == list(other)
    for path in one:
        np.testing.assert_allclose(one[path], other[path], err_msg=path, **tolerance)


def told(measurement):
    """All of a measurement but the time that it took."""
    return dataclasses.replace(measurement, seconds={})


def run(training):
    """Train to the end."""
    measurements = []
    while training.end is None:
        measurements.append(training.run_epoch())
    return measurements
