"""ONNX files of what tf2onnx cannot convert as Keras builds it, and how exports are compared."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from trainables.export import onnx_file
from trainables.export.exporting import FORMATS
from trainables.networks.forward import forward

pytestmark = pytest.mark.filterwarnings("ignore:In the future `np.object`:FutureWarning")
"""Of tf2onnx."""


def with_layer(layer):
    pixels = keras.Input((8, 8, 6))
    pooled = keras.layers.GlobalAveragePooling2D()(layer(pixels))
    return keras.Model(pixels, keras.layers.Dense(4, activation="softmax")(pooled))


LAYERS = {
    "gelu": lambda: keras.layers.Activation("gelu"),
    "sigmoid of large values": lambda: keras.Sequential(
        [keras.layers.Rescaling(1000.0), keras.layers.Activation("sigmoid")]
    ),
    "depthwise": lambda: keras.layers.Conv2D(6, 3, padding="same", groups=6, strides=2),
    "depthwise with activation": lambda: keras.layers.Conv2D(
        6, 3, groups=6, use_bias=False, activation="relu"
    ),
    "nested": lambda: keras.Sequential([keras.layers.Conv2D(3, 3), keras.layers.ReLU()]),
}


@pytest.mark.parametrize("layer", LAYERS.values(), ids=LAYERS)
def test_onnx_computes_what_keras_computes(layer, tmp_path):
    model = with_layer(layer())
    inputs = np.random.default_rng(0).normal(0, 3, (20, 8, 8, 6)).astype(np.float32)
    onnx_file.write(model, list("abcd"), tmp_path / "made.onnx")
    found = onnx_file.outputs(tmp_path / "made.onnx", inputs)
    np.testing.assert_allclose(found, forward(model, inputs), atol=1e-6)


def test_every_format_is_compared_on_as_many_images():
    assert {format_.images for format_ in FORMATS.values()} == {64}
