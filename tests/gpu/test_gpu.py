"""What only a GPU can show: placement, memory, 16 bits, TF32, and the same results as on the CPU.

`make gpu-test` runs these and prints what was seen; without a GPU they are skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
import yaml

from search.records.history import History
from search.records.ledger import read_ledger
from search.records.run import Run
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from trainables.features.key import feature_key
from trainables.networks.cut import cut
from trainables.networks.forward import forward
from trainables.networks.network import build_network
from trainables.process.gpu import gpu_memory
from trainables.process.precision import in_precision, resolved, set_precision
from trainables.training import network_pool
from trainables.training.training import Training

ROOT = Path(__file__).parents[2]
GPUS = tf.config.list_physical_devices("GPU")

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.timeout(1200),
    pytest.mark.skipif(not GPUS, reason="TensorFlow sees no GPU on this machine"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]

STUDY = {
    "dataset": {"format": "digits"},
    "base": {"image_size": 96, "head_epochs": 1},
    "space": {
        "unfrozen_depth": {"low": 0, "high": 20, "step": 4},
        "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
    },
    "recipes": {"probe": {"learning_rate": 5e-3}},
    "budget": {"trials": 4, "max_epochs": 3},
    "finalists": {"count": 0},
}


def capability() -> tuple[int, int]:
    return tf.config.experimental.get_device_details(GPUS[0])["compute_capability"]


def test_the_gpu_and_what_auto_makes_of_it():
    details = tf.config.experimental.get_device_details(GPUS[0])
    memory = gpu_memory(os.environ.get("CUDA_VISIBLE_DEVICES"))
    chosen = set_precision("auto")
    set_precision("float32")
    print(f"\n{len(GPUS)} × {details.get('device_name')}, {memory} bytes, auto: {chosen}")
    assert chosen == resolved("auto", capability())
    assert memory is not None
    assert memory > 2**30


@pytest.mark.parametrize("backbone", ["EfficientNetLite0", "ViTS16"])
def test_it_computes_what_the_cpu_computes(backbone):
    point = Hyperparameters(backbone=backbone, weights="none", image_size=64)
    model = build_network(point, 3).model
    pixels = np.random.default_rng(0).integers(0, 256, (8, 64, 64, 3), np.uint8)
    was_on = tf.config.experimental.tensor_float_32_execution_enabled()
    found = {}
    with tf.device("CPU"):
        expected = np.asarray(model(pixels.astype(np.float32), training=False))
    for is_on in (True, False):
        tf.config.experimental.enable_tensor_float_32_execution(is_on)
        with tf.device("GPU"):
            outputs = np.asarray(model(pixels.astype(np.float32), training=False))
        found[is_on] = float(np.abs(outputs - expected).max() / np.abs(expected).max())
    tf.config.experimental.enable_tensor_float_32_execution(was_on)
    print(f"\n{backbone}: difference from the CPU {found[False]:.1e}, with TF32 {found[True]:.1e}")
    assert found[False] < 1e-3
    assert found[True] < 3e-2


def test_features_with_and_without_tf32_are_kept_apart():
    point = Hyperparameters(weights="none", image_size=32)
    split = cut(build_network(point, 2).model)
    was_on = tf.config.experimental.tensor_float_32_execution_enabled()
    keys = set()
    for is_on in (True, False):
        tf.config.experimental.enable_tensor_float_32_execution(is_on)
        keys.add(feature_key(split.below, split.name, "data"))
    tf.config.experimental.enable_tensor_float_32_execution(was_on)
    assert len(keys) == 2


PRECISIONS = ("float32", "mixed_bfloat16", "mixed_float16")


@pytest.mark.parametrize("backbone", ["EfficientNetLite0", "ViTS16"])
def test_a_live_epoch_in_each_precision(backbone, make_images):
    images = make_images(512, size=128)
    for precision in PRECISIONS:
        with in_precision(precision):
            point = Hyperparameters(
                backbone=backbone,
                weights="none",
                image_size=128,
                unfrozen_depth=16,
                batch_size=64,
                epochs=3,
                flip="horizontal",
            )
            training = Training(point, 3, images, None, 0, Objective())
            training.run_epoch()
            began = time.perf_counter()
            measurement = training.run_epoch()
            taken = time.perf_counter() - began
            model = training.network.with_probabilities()
            logits = forward(training.network.model, images.pixels[:32])
        network_pool.clear()
        difference = np.abs(forward(model, images.pixels[:32]) - np.asarray(tf.nn.softmax(logits)))
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        tf.config.experimental.reset_memory_stats("GPU:0")
        print(
            f"\n{backbone} {precision}: {len(images.labels) / taken:,.0f} images/s, peak "
            f"{peak / 2**20:,.0f} MiB, saved model within {difference.max():.1e}"
        )
        assert np.isfinite(measurement.train_loss)
        assert difference.max() < 0.05
        assert {layer.compute_dtype for layer in model.layers} == {"float32"}


@pytest.mark.parametrize("precision", PRECISIONS)
def test_stored_features_are_the_live_ones(precision, make_images):
    images = make_images(64, size=64), make_images(16, size=64, seed=1)
    weights = []
    with in_precision(precision):
        for kept in (None, ()):
            point = Hyperparameters(
                weights="none", image_size=64, unfrozen_depth=5, optimizer="sgd", epochs=1
            )
            training = Training(point, 3, *images, 0, Objective(), kept=kept)
            training.run_epoch()
            weights.append([v.numpy() for v in training._prepared.kept])
            network_pool.clear()
    difference = max(np.abs(a - b).max() for a, b in zip(*weights, strict=True) if a.size)
    print(f"\n{precision}: stored and live differ by {difference:.1e}")
    assert difference < (1e-3 if precision == "float32" else 2e-2)


def thawtune(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "search", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def run(tmp_path_factory) -> Run:
    """A search whose trials share the GPUs as they see fit."""
    folder = tmp_path_factory.mktemp("gpu")
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY))
    began = time.perf_counter()
    thawtune("search", path, "--run", folder / "run")
    print(f"\na search of 4 trials: {time.perf_counter() - began:.0f} s")
    return Run(folder / "run")


def test_trials_share_the_gpu(run):
    events = list(read_ledger(run.ledger))
    history = History.of(iter(events))
    notes = [e["text"] for e in events if e["event"] == "noted"]
    print("\n", *notes)
    assert any("GPU" in note and "found" in note for note in notes)
    assert {trial.state for trial in history.trials.values()} <= {"COMPLETE", "PRUNED"}
    assert {trial.precision for trial in history.trials.values()} == {
        resolved("auto", capability())
    }


def test_the_winner_is_fine_tuned_and_exported(run):
    thawtune("finetune", run.folder, "--gpu")
    thawtune("evaluate", run.folder)
    thawtune("export", run.folder, "--format", "onnx")
    accuracy = json.loads(run.test.read_text())["models"][0]["accuracy"]
    model = keras.models.load_model(run.model / "model.keras", safe_mode=True)
    print(f"\ntest accuracy {accuracy:.3f}")
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert accuracy > 0.8
