"""Grad-CAM pictures of right and wrong cases: which are chosen, and what is written."""

from __future__ import annotations

import json

import numpy as np
from PIL import Image

from search.records.run import Run
from search.testset.gradcam_pictures import RIGHT, WRONG, explain
from tests.search.final_runs import SCRATCH
from trainables.networks.network import build_network

CLASSES = [f"kind {n}" for n in range(10)]
COUNT = 60


def shares_of(labels: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """Shares that are right but for these images; the surer, the later the image."""
    shares = np.full((COUNT, 10), 0.01)
    predicted = np.where(wrong, (labels + 1) % 10, labels)
    shares[np.arange(COUNT), predicted] = 0.5 + 0.4 * np.arange(COUNT) / COUNT
    return shares / shares.sum(axis=1, keepdims=True)


def explained(folder, wrong, model=None):
    labels = np.arange(COUNT) % 10
    shares = shares_of(labels, wrong)
    # The own class's share of a wrong image falls as the image's number rises.
    images = np.random.default_rng(0).integers(0, 256, (COUNT, 16, 16, 3), np.uint8)
    keys = [f"folder/image{i}.png" for i in range(COUNT)]
    model = model or build_network(SCRATCH, 10).with_probabilities()
    explain(Run(folder), model, images, labels, shares, keys, CLASSES)
    return json.loads((folder / "gradcam" / "index.json").read_text()), shares, images


def test_the_surest_of_each_class_and_the_worst(tmp_path):
    wrong = np.arange(COUNT) >= 40
    rows, shares, images = explained(tmp_path, wrong)
    right = [row for row in rows if row["right"]]
    assert [row["image"] for row in right] == [f"folder/image{i}.png" for i in range(39, 31, -1)]
    assert len(right) == RIGHT
    assert len({row["label"] for row in right}) == RIGHT
    bad = rows[RIGHT:]
    assert [row["image"] for row in bad] == [f"folder/image{i}.png" for i in range(59, 47, -1)]
    assert len(bad) == WRONG
    assert bad[0] == {
        "file": "0009.png",
        "image": "folder/image59.png",
        "label": "kind 9",
        "predicted": "kind 0",
        "probability": shares[59].max(),
        "right": False,
    }
    there = sorted(path.name for path in (tmp_path / "gradcam").iterdir())
    assert there == [f"{n:04d}.png" for n in range(1, 21)] + ["index.json"]
    with Image.open(tmp_path / "gradcam" / "0009.png") as picture:
        assert picture.size == (224 + 4 + 224, 224)
        left = np.asarray(picture)[:, :224]
    np.testing.assert_array_equal(left, images[59].repeat(14, axis=0).repeat(14, axis=1))


def test_a_second_time_replaces_the_first(tmp_path):
    explained(tmp_path, np.ones(COUNT, bool))
    rows, _, _ = explained(tmp_path, np.zeros(COUNT, bool))
    assert len(rows) == RIGHT
    assert all(row["right"] for row in rows)
    assert len(list((tmp_path / "gradcam").iterdir())) == RIGHT + 1
    assert [path.name for path in tmp_path.iterdir()] == ["gradcam"]


def test_a_network_without_convolutions_has_an_empty_index(tmp_path):
    import keras

    pixels = keras.Input((16, 16, 3))
    flat = keras.Model(pixels, keras.layers.Dense(10)(keras.layers.Flatten()(pixels)))
    rows, _, _ = explained(tmp_path, np.zeros(COUNT, bool), flat)
    assert rows == []
    assert [path.name for path in (tmp_path / "gradcam").iterdir()] == ["index.json"]
