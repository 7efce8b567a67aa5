"""What all tests share: a cache of their own, small studies, pictures and measurements."""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import gc
import hashlib
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from spaces.studies.study import Study
from spaces.studies.study_file import parse_study
from trainables.datasets.rows.images import Images
from trainables.training.measurement import Measurement

settings.register_profile("busy", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy")  # a machine that does other things too makes no example wrong

TINY_STUDY = """\
# A network of two layers on a part of the digits: seconds, not minutes.
dataset:
  format: digits
  subset: 300

base:
  backbone: none
  weights: none
  image_size: 32
  preprocessing: unit
  convolutions: [8]
  convolution_pooling: true
  batch_size: 32

space:
  learning_rate: {low: 1e-3, high: 1e-2, log: true}
  dense_units: {choices: [[], [16]]}
  dropout: {low: 0.0, high: 0.5}
  decay: {choices: [none, cosine]}

recipes:
  plain:
    learning_rate: 3e-3
    dropout: 0.0
  hidden:
    learning_rate: 5e-3
    dense_units: [16]
    dropout: 0.2
    decay: cosine

budget:
  trials: 4
  max_epochs: 3
  grace_period: 1
  reduction_factor: 3

resources:
  cpu: 1
"""


@pytest.fixture(autouse=True, scope="session")
def cache_of_the_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """No test reads or writes the cache of the person who runs it."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THAWTUNE_CACHE", str(folder))
        patch.delenv("THAWTUNE_DATA", raising=False)
        yield folder


@pytest.fixture(autouse=True, scope="session")
def collection_made_cheap() -> None:
    """Each network that is built collects garbage: not through all modules, which stay anyway."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def tiny_study(tmp_path: Path) -> Path:
    """A study file: four trials, two of them recipes, of three epochs of less than a second."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY_STUDY, encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def make_study() -> Callable[..., Study]:
    """A sound study; each keyword replaces a section of it."""

    def make(**sections: Any) -> Study:
        raw = {
            "name": "made",
            "dataset": {"format": "digits"},
            "space": {
                "learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
                "unfrozen_depth": {"low": 0, "high": 20},
                "dense_units": {"choices": [[], [64], [128, 32]]},
                "batch_norm": {"choices": ["frozen", "trained"]},
            },
            "recipes": {
                "probe": {"learning_rate": 1e-3},
                "thawed": {"learning_rate": 5e-4, "unfrozen_depth": 10, "dense_units": [64]},
            },
            "budget": {"trials": 8, "max_epochs": 9},
        }
        study, problems = parse_study(raw | sections)
        assert study is not None, problems
        return study

    return make


@pytest.fixture(scope="session")
def write_study(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Writes a study file; its text may be indented."""

    def write(text: str, name: str = "written") -> Path:
        path = tmp_path_factory.mktemp("study") / f"{name}.yaml"
        path.write_text(textwrap.dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def make_images() -> Callable[..., Images]:
    """Noise in which the class shows as brightness, so that there is something to learn."""

    def make(count: int, classes: int = 3, size: int = 32, seed: int = 0) -> Images:
        chance = np.random.default_rng(seed)
        labels = (np.arange(count) % classes).astype(np.int32)
        noise = chance.integers(0, 120, (count, size, size, 3))
        light = 130 * labels[:, None, None, None] // max(1, classes - 1)
        pixels = (noise + light).astype(np.uint8)
        content = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
        return Images(pixels, labels, f"{content}/{size}")

    return make


@pytest.fixture(scope="session")
def make_measurement() -> Callable[..., Measurement]:
    """A measurement with this accuracy, like scores, and a loss that falls as it rises."""

    def make(epoch: int, accuracy: float = 0.5, **changes: Any) -> Measurement:
        values = {
            "epoch": epoch,
            "train_loss": 1.1 - accuracy,
            "train_accuracy": accuracy,
            "val_loss": 1.2 - accuracy,
            "val_accuracy": accuracy,
            "learning_rate": 1e-3,
            "seconds": {"train": 0.5, "evaluate": 0.25},
            "val_balanced_accuracy": accuracy,
            "val_macro_f1": accuracy,
            "val_auc": accuracy,
        }
        return Measurement(**(values | changes))

    return make
