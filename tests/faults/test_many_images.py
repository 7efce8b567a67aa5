"""A search with 36,000 training images of 224 px in 6 GB of memory: their pixels take 5.4 GB."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from search.records.run_sets import sets_of
from tests.faults.checking import check_whole
from tests.faults.conftest import GIGABYTE
from tests.faults.driving import Search

pytestmark = [pytest.mark.ray, pytest.mark.faults, pytest.mark.timeout(3600)]

IMAGES, TRAINED = 40_000, 36_000
CLASSES = ("cold", "warm")
LITE0, NONE = {"when": {"backbone": "EfficientNetLite0"}}, {"when": {"backbone": "none"}}
SPACE = {
    "backbone": {"choices": ["EfficientNetLite0", "none"]},
    "weights": [LITE0 | {"choices": ["imagenet"]}, NONE | {"choices": ["none"]}],
    "preprocessing": [LITE0 | {"choices": ["backbone"]}, NONE | {"choices": ["unit"]}],
    "truncation_layer": [LITE0 | {"choices": ["block4_project_bn"]}],
    "dense_units": {"choices": [[], [16]]},
}
PIXELS = {"backbone": "none", "weights": "none", "preprocessing": "unit"}
RECIPES = {
    "features": {
        "backbone": "EfficientNetLite0",
        "weights": "imagenet",
        "truncation_layer": "block4_project_bn",
    },
    "pixels": PIXELS,
    "hidden": PIXELS | {"dense_units": [16]},
}
"""One that trains on features, and two that read all pixels in each epoch, for their means."""


@pytest.fixture
def large(tmp_path) -> Iterator[Path]:
    """A folder for what is too large to be kept after the test, as pytest keeps the others."""
    folder = tmp_path / "large"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def photos(large) -> Path:
    """Two folders of JPEG files of about 10 kB, of noise in warm and in cold colours."""
    root = large / "photos"
    root.mkdir()
    for name in CLASSES:
        (root / name).mkdir()
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        sizes = list(pool.map(partial(drawn, root), range(IMAGES), chunksize=500))
    assert 8_000 < np.mean(sizes) < 16_000
    return root


def drawn(root: Path, number: int) -> int:
    """Draw one image; its size in bytes."""
    label = number % len(CLASSES)
    pixels = np.random.default_rng(number).integers(0, 200, (48, 48, 3), np.uint8)
    pixels[..., 2 * (1 - label)] += 40
    path = root / CLASSES[label] / f"{number:05d}.jpg"
    Image.fromarray(pixels).resize((224, 224), Image.Resampling.BILINEAR).save(path)
    return path.stat().st_size


def test_more_images_than_fit_into_memory_are_trained_on(tmp_path, large, photos, small_machine):
    search = Search(
        tmp_path,
        environment={"THAWTUNE_CACHE": str(large / "cache")},
        dataset={"format": "folders", "path": str(photos), "validation": 0.05, "test": 0.05},
        base={"image_size": 224, "batch_size": 64, "learning_rate": 0.01},
        space=SPACE,
        recipes=RECIPES,
        budget={"trials": len(RECIPES), "max_epochs": 2, "grace_period": 2},
        resources={"concurrent": 2},
    )
    search.prefix = small_machine(6 * GIGABYTE)
    ended = search.finish(seconds=3000)
    assert "Traceback" not in ended.stderr, ended.stderr
    assert ended.returncode == 0, ended.stderr
    check_whole(search, len(RECIPES))
    assert len(sets_of(search.run, search.run.study().dataset).positions("train")) == TRAINED
    assert {t.state for t in search.history.trials.values()} == {"COMPLETE"}
    assert not search.named("attempt_failed"), "no worker was killed for its memory"
