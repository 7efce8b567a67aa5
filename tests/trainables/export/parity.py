"""One backbone from Keras's application to every export: by how much the outputs differ.

ImageNet's weights cannot be downloaded here. In the place of each download stands a made-up file in
the same format, in which nothing has the value that Keras begins with: statistics of batch norms,
mean and variance of a normalisation, scales of layers.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import pytest

from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from tests.golden import seeded_states
from trainables.datasets.rows.images import Images
from trainables.export import keras_file, litert, onnx_file, saved_model
from trainables.networks.backbones.backbone import own_backbone
from trainables.networks.forward import forward
from trainables.networks.head import LOGITS
from trainables.networks.network import kept_weights
from trainables.networks.preprocessing import preprocess
from trainables.prediction.inference import best_model
from trainables.training.training import Training
from trainables.weights.packaged import PACKAGES

TOLERANCE = 1e-4
SMALLEST = {
    "AlexNet": 224,
    "InceptionResNetV2": 75,
    "InceptionV3": 75,
    "Xception": 71,
    "DINOv2S14": 28,
    "DINOv2B14": 28,
}
"""Sides of the smallest image that a backbone takes, where it is not 32 pixels."""

CLASSES, COUNT = 5, 16
COLUMNS = ("Keras", "rebuilt", "saved", "SavedModel", "ONNX", "LiteRT")
EXPORTS = {
    "SavedModel": (saved_model, ".savedmodel"),
    "ONNX": (onnx_file, ".onnx"),
    "LiteRT": (litert, ".tflite"),
}

LOAD = """
import sys
import numpy as np
from pathlib import Path
from trainables.networks.forward import forward
from trainables.prediction.inference import load_model
folder = Path(sys.argv[1])
model = load_model(folder / "model.keras")
np.save(folder / "said.npy", forward(model, np.load(folder / "shown.npy")))
"""


def differences(
    backbone: str,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    columns: tuple[str, ...] = COLUMNS,
    is_loaded_elsewhere: bool = True,
) -> Mapping[str, float]:
    """Largest differences of a backbone that was trained for an epoch, by column.

    Of features from those of Keras's own application (as a share of the largest feature), and of
    probabilities from the trained network's: of the network rebuilt from its checkpoint, of the
    saved model (loaded by another process, if so wished), and of the exports.
    """
    size = SMALLEST.get(backbone, 32)
    images = _images(size)
    _stand_in(backbone, images.pixels, folder, monkeypatch)
    point = Hyperparameters(
        backbone=backbone, image_size=size, unfrozen_depth=1, epochs=1, batch_size=8
    )
    training = Training(point, CLASSES, images, None, 1, Objective())
    found = {}
    if own_backbone(backbone) is None:
        features = keras.Model(
            training.network.model.input, training.network.backbone_layers[-1].output
        )
        found["Keras"] = _of_features(backbone, forward(features, images.pixels), images.pixels)
    training.run_epoch()
    trained, state = _with_logits_of_size(training, images.pixels)
    assert np.ptp(trained, axis=0).max() > 0.02, "the images must be told apart"
    model = best_model(point, CLASSES, state)
    found["rebuilt"] = float(np.abs(forward(model, images.pixels) - trained).max())
    model.save(folder / "model.keras")
    outputs = _outputs_elsewhere if is_loaded_elsewhere else keras_file.outputs
    saved = outputs(folder / "model.keras", images.pixels.astype(np.float32))
    found["saved"] = float(np.abs(saved - trained).max())
    for column in (column for column in columns if column in EXPORTS):
        module, suffix = EXPORTS[column]
        path = folder / f"exported{suffix}"
        module.write(model, [f"class {i}" for i in range(CLASSES)], path)
        outputs = module.outputs(path, images.pixels.astype(np.float32))
        found[column] = float(np.abs(outputs - trained).max())
    return found


def _with_logits_of_size(
    training: Training, pixels: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Probabilities and checkpoint of a trained network, its logits scaled to a deviation of 2.

    A sum of made-up residuals is large, and would show rounding as a difference of probabilities.
    """
    model, kernel = training.network.model, training.network.model.get_layer(LOGITS).kernel
    kernel.assign(kernel * (2 / forward(model, pixels).std()))
    kept = {f"best/{i}": v.numpy() for i, v in enumerate(kept_weights(training.network))}
    trained = np.asarray(keras.ops.softmax(forward(model, pixels)))
    return trained, training.state() | kept


def _images(size: int) -> Images:
    """Noise of few and of many colours, light and dark: each image looks different."""
    chance = np.random.default_rng(0)
    light = chance.uniform(0, 1, (COUNT, 1, 1, 3))
    coarse = (
        chance.uniform(0, 1, (COUNT, 4, 4, 3)).repeat(-(-size // 4), 1).repeat(-(-size // 4), 2)
    )
    fine = chance.uniform(0, 1, (COUNT, size, size, 3))
    pixels = 255 * (light + coarse[:, :size, :size] + fine) / 3
    return Images(pixels.astype(np.uint8), (np.arange(COUNT) % CLASSES).astype(np.int32), "parity")


def _stand_in(
    backbone: str, pixels: np.ndarray, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Put a made-up file in the place of the download."""
    if backbone in PACKAGES:
        return  # its weights are installed
    if own_backbone(backbone):
        state = getattr(seeded_states, f"{backbone.lower()}_state")()
        monkeypatch.setattr(
            "trainables.networks.backbones.own_weights._state", lambda *asked: state
        )
        return
    path = folder / "made_up.h5"
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *asked, **more: str(path))
    _keras(backbone, pixels.shape[1:], None).save(path)
    theirs = _keras(backbone, pixels.shape[1:], "imagenet")  # not the same graph for all of them
    make_up(theirs, _preprocessed(backbone, pixels))
    theirs.save(path)


def make_up(model: keras.Model, inputs: np.ndarray) -> None:
    """Give all that has a fixed first value another one, and batch norms near statistics."""
    chance = np.random.default_rng(1)
    for variable in model.variables:
        values = {
            "gamma": lambda shape: chance.uniform(0.2, 0.6, shape),
            "beta": lambda shape: chance.normal(0, 0.2, shape),
            "bias": lambda shape: chance.normal(0, 0.2, shape),
            "mean": lambda shape: chance.uniform(0.3, 0.6, shape),
            "variance": lambda shape: chance.uniform(0.03, 0.1, shape),
        }
        if variable.name in values:
            variable.assign(values[variable.name](variable.shape))
        elif variable.name == "kernel" and not _has_norms(model):
            variable.assign(variable * 2**0.5)  # each ReLU halves the variance: He et al., 2015
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
    for norm in norms:
        norm.momentum = 0.0
    model(inputs, training=True)
    for norm in norms:
        for statistic in (norm.moving_mean, norm.moving_variance):
            statistic.assign(statistic * chance.uniform(0.8, 1.25, statistic.shape))


def _has_norms(model: keras.Model) -> bool:
    kinds = keras.layers.BatchNormalization, keras.layers.LayerNormalization
    return any(isinstance(layer, kinds) for layer in model.layers)


def _of_features(backbone: str, ours: np.ndarray, pixels: np.ndarray) -> float:
    theirs = _keras(backbone, pixels.shape[1:], "imagenet")
    expected = forward(theirs, _preprocessed(backbone, pixels))
    scale = np.abs(expected).max()
    assert np.ptp(expected, axis=0).max() > 0.05 * scale, "the images must be told apart"
    return float(np.abs(ours - expected).max() / scale)


def _keras(backbone: str, shape: tuple[int, ...], weights: str | None) -> keras.Model:
    build = getattr(keras.applications, backbone)
    return build(include_top=False, weights=weights, input_shape=shape)


def _preprocessed(backbone: str, pixels: np.ndarray) -> np.ndarray:
    """What `preprocess_input` gives: tests/trainables/networks/test_preprocessing.py compares."""
    given = keras.Input(pixels.shape[1:])
    return forward(keras.Model(given, preprocess(given, "backbone", backbone)), pixels)


def _outputs_elsewhere(path: Path, pixels: np.ndarray) -> np.ndarray:
    """What a saved model says in another process."""
    folder = path.parent
    np.save(folder / "shown.npy", pixels)
    subprocess.run(
        [sys.executable, "-c", LOAD, str(folder)],
        cwd=Path(__file__).parents[3],
        check=True,
        capture_output=True,
    )
    return np.load(folder / "said.npy")
