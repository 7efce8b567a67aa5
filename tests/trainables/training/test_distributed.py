"""Under a distribution strategy the same loop trains the same weights, and is distributed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TWO = """
import contextlib
import numpy as np
import tensorflow as tf

device = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(device, [tf.config.LogicalDeviceConfiguration()] * 2)
"""

DROPOUT = """
from trainables.networks.dropout import AdjustableDropout

import keras

keras.utils.set_random_seed(1)
strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
with strategy.scope():
    layer = AdjustableDropout(0.5, "dropout")
    layer.build((None, 64))
step = tf.function(lambda: strategy.run(lambda: layer(tf.ones((8, 64)), training=True)))
for _ in range(2):
    one, other = (np.asarray(part) for part in strategy.experimental_local_results(step()))
    print((one == 0).mean().round(1), (other == 0).mean().round(1), (one == other).all())
"""

SCRIPT = """
from spaces.hyperparameters import Hyperparameters
from spaces.study import Objective
from trainables.datasets.rows.images import Images
from trainables.training.training import Training

chance = np.random.default_rng(0)
pixels = chance.integers(0, 255, (21, 16, 16, 3)).astype(np.uint8)
images = Images(pixels, (np.arange(21) % 3).astype(np.int32), "noise")
for optimizer in ("sgd", "adam"):
    point = Hyperparameters(
        backbone="none", weights="none", image_size=16, preprocessing="unit", convolutions=(4,),
        optimizer=optimizer, weight_decay=0.1, learning_rate=0.01, batch_size=5, epochs=2,
    )
    weights = {}
    for name in ("one", "two"):
        scope = contextlib.nullcontext()
        if name == "two":
            scope = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"]).scope()
        with scope:
            training = Training(point, 3, images, None, 1, Objective())
            for _ in range(2):
                training.run_epoch()
            replicas = tf.distribute.get_strategy().num_replicas_in_sync
            kinds = {type(v.value).__name__ for v in training.network.model.weights}
        print(name, replicas, *kinds)
        weights[name] = [v.numpy() for v in training.network.model.weights]
    for one, other in zip(weights["one"], weights["two"], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
"""


def said(script: str) -> list[str]:
    """What a new process with two devices says."""
    ended = subprocess.run(
        [sys.executable, "-c", TWO + script],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:]
    return ended.stdout.splitlines()


def test_two_replicas_end_with_the_weights_of_one() -> None:
    """21 images in batches of 5: the last batch has one image, and nothing for one replica."""
    assert said(SCRIPT) == ["one 1 ResourceVariable", "two 2 MirroredVariable"] * 2


def test_two_replicas_do_not_drop_the_same_units() -> None:
    assert said(DROPOUT) == ["0.5 0.5 False"] * 2
