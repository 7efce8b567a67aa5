"""Which precision a device gets, and what is float32 in all of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spaces.errors import InputError
from spaces.hyperparameters import Hyperparameters
from trainables.networks.network import build_network
from trainables.process.precision import in_precision, precision_now, resolved, set_precision

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

AMPERE, VOLTA, PASCAL = (8, 0), (7, 0), (6, 1)


@pytest.mark.parametrize(
    ("capability", "workers", "expected"),
    [
        (None, 1, "float32"),
        (PASCAL, 1, "float32"),
        (VOLTA, 1, "mixed_float16"),
        ((7, 5), 1, "mixed_float16"),
        (VOLTA, 2, "float32"),
        (AMPERE, 1, "mixed_bfloat16"),
        ((9, 0), 2, "mixed_bfloat16"),
    ],
)
def test_auto_is_what_the_device_is_fast_with(capability, workers, expected):
    assert resolved("auto", capability, workers) == expected


def test_what_is_said_holds_whatever_the_device():
    for capability in (None, VOLTA, AMPERE):
        for said in ("float32", "mixed_bfloat16", "mixed_float16"):
            assert resolved(said, capability) == said


def test_scaled_losses_are_for_one_worker():
    with pytest.raises(InputError, match="2. Set it to mixed_bfloat16"):
        resolved("mixed_float16", AMPERE, workers=2)


def test_here_auto_is_float32():
    assert set_precision("auto") == precision_now() == "float32"


@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_weights_and_logits_are_float32_and_so_is_what_is_saved(precision, tmp_path):
    point = Hyperparameters(weights="none", image_size=32, dense_units=(8,), dropout=0.2)
    with in_precision(precision):
        network = build_network(point, 3)
        pixels = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3)).astype(np.float32)
        logits = network.model(pixels, training=False)
        whole = network.with_probabilities()
        assert precision_now() == precision
    assert precision_now() == "float32"
    sixteen = precision.removeprefix("mixed_")
    assert {w.dtype for w in network.model.weights if "seed" not in w.path} == {"float32"}
    assert logits.dtype == "float32"
    assert network.model.get_layer("stem_conv").compute_dtype == sixteen
    assert {layer.compute_dtype for layer in whole.layers} == {"float32"}
    whole.save(tmp_path / "model.keras")
    saved = keras.models.load_model(tmp_path / "model.keras", safe_mode=True, compile=False)
    assert {layer.compute_dtype for layer in saved.layers} == {"float32"}
    np.testing.assert_array_equal(np.asarray(saved(pixels)), np.asarray(whole(pixels)))
    # The same weights: they differ by what 16 bits round off.
    np.testing.assert_allclose(
        np.asarray(whole(pixels)), np.asarray(keras.ops.softmax(logits)), atol=0.02
    )


def test_sequentials_inside_are_float32_too():
    point = Hyperparameters(backbone="ConvNeXtTiny", weights="none", image_size=32)
    with in_precision("mixed_bfloat16"):
        network = build_network(point, 2)
    nested = [layer for layer in network.with_probabilities().layers if hasattr(layer, "layers")]
    assert len(nested) == 4
    for sequential in nested:
        assert {layer.compute_dtype for layer in sequential.layers} == {"float32"}
