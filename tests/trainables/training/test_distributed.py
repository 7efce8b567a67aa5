"""Under a distribution strategy the same loop trains the same weights, and is distributed."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from tests.trainables.export.parity import make_up

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
from spaces.studies.study import Objective
from trainables.datasets.rows.images import Images
from trainables.training.training import Training

chance = np.random.default_rng(0)
pixels = chance.integers(0, 255, (21, 16, 16, 3)).astype(np.uint8)
images = Images(pixels, (np.arange(21) % 3).astype(np.int32), "noise")
MORE = {"ema_momentum": 0.9, "clip_norm": 0.2, "warmup": 0.3, "loss": "focal"}
CLIPPED = {"clip_norm": 0.2}
KINDS = {"sgd": {}, "adam": {}, "adamw": MORE, "schedule_free": CLIPPED}
for optimizer, more in KINDS.items():
    point = Hyperparameters(
        backbone="none", weights="none", image_size=16, preprocessing="unit", convolutions=(4,),
        optimizer=optimizer, weight_decay=0.1, learning_rate=0.01, batch_size=5, epochs=2,
        rotation=20.0, color_jitter=0.3, erasing=0.5, trivial_augment=True, feature_jitter=0.1,
        **more,
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
            training.restore_best()
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
    assert said(SCRIPT) == ["one 1 ResourceVariable", "two 2 MirroredVariable"] * 4


def test_two_replicas_do_not_drop_the_same_units() -> None:
    assert said(DROPOUT) == ["0.5 0.5 False"] * 2


PROCESS = """
import sys
import numpy as np
from trainables.networks.weights import weights_digest
from trainables.training.distributed import strategy_of

strategy = strategy_of(int(sys.argv[1]))
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from trainables.datasets.rows.images import Images
from trainables.training.training import Training

pixels = np.random.default_rng(0).integers(0, 255, (11, 32, 32, 3)).astype(np.uint8)
images = Images(pixels, (np.arange(11) % 3).astype(np.int32), "noise")
point = Hyperparameters(
    backbone="MobileNetV2", weights=sys.argv[2], image_size=32, unfrozen_depth=3, batch_size=4,
    optimizer="sgd", learning_rate=0.01, epochs=2,
)
with strategy.scope():
    training = Training(point, 3, images, None, 1, Objective())
    before = weights_digest(training.network.model)
while training.end is None:
    with strategy.scope():
        training.run_epoch()
model = training.network.model
outputs = training.network.with_probabilities()(pixels.astype(np.float32)).numpy()
np.savez(sys.argv[3], outputs, *[v.numpy() for v in model.weights])
print(strategy.num_replicas_in_sync, before, weights_digest(model))
"""


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
def test_two_processes_train_a_backbone_of_keras_as_one_does(tmp_path: Path) -> None:
    """Its weights are loaded inside the strategy's scope, which must outlive that."""
    weights = tmp_path / "made_up.weights.h5"
    model = keras.applications.MobileNetV2(include_top=False, weights=None)
    make_up(model, np.random.default_rng(1).uniform(-1, 1, (8, 32, 32, 3)).astype(np.float32))
    model.save_weights(weights)
    ports = free_ports(2)
    cluster = {"worker": [f"127.0.0.1:{port}" for port in ports]}
    tasks = [{"cluster": cluster, "task": {"type": "worker", "index": i}} for i in (0, 1)]
    together = [begun(2, weights, tmp_path / f"{i}.npz", task) for i, task in enumerate(tasks)]
    [first, second] = [ended(process) for process in together]
    alone = ended(begun(1, weights, tmp_path / "alone.npz", None))
    assert first == second
    assert first.split()[:2] == ["2", alone.split()[1]]
    assert len(set(first.split()[1:])) == 2, "something was trained"
    for one, other in zip(*(arrays(tmp_path / f"{n}.npz") for n in ("0", "alone")), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def begun(workers: int, weights: Path, out: Path, task: object) -> subprocess.Popen[str]:
    # Several together stream their images, one alone holds all.
    settings = (
        {} if task is None else {"TF_CONFIG": json.dumps(task), "THAWTUNE_DATA_MEMORY": "9KB"}
    )
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(workers), str(weights), str(out)],
        cwd=Path(__file__).parents[3],
        env=os.environ | settings,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    """The last line that a process says."""
    said, errors = process.communicate(timeout=200)
    assert process.returncode == 0, errors[-3000:]
    return said.splitlines()[-1]


def arrays(path: Path) -> list[np.ndarray]:
    with np.load(path) as file:
        return [file[name] for name in file.files]


def free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
