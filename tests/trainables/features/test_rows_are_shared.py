"""What a search computed below the boundary is not computed again: real photos, real network."""

from __future__ import annotations

import shutil

import keras
import numpy as np
import pytest

from spaces.hyperparameters import Hyperparameters
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import class_folders
from trainables.cache.leases import end_leases
from trainables.cache.rows.row_store import take_counts
from trainables.datasets.files import decoding
from trainables.datasets.preflight.examine import preflight
from trainables.datasets.rows import images as rows_module
from trainables.datasets.rows.loading import load_refit_data, load_trial_data
from trainables.features import store as store_module
from trainables.features.in_memory import forget, stored
from trainables.networks.cut import cut
from trainables.networks.forward import forward, rows_of
from trainables.training.training import build_pretrained

SIZE = 32


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("THAWTUNE_CACHE_LIMIT", raising=False)
    forget()
    take_counts()
    yield
    end_leases()


@pytest.fixture(scope="module")
def split():
    point = Hyperparameters(backbone="EfficientNetLite0", image_size=SIZE)
    network = build_pretrained(point, 2)
    network.freeze_backbone()
    return cut(network.model)


@pytest.fixture
def photos(tmp_path):
    return class_folders(tmp_path / "photos", 2, 20)


@pytest.fixture
def counted(monkeypatch):
    """Images that are resized, and images that pass through the frozen network."""
    counts = {"decoded": 0, "computed": 0}
    resize = rows_module.resize

    def resized(*arguments):
        counts["decoded"] += 1
        return resize(*arguments)

    def computed(below, pixels):
        counts["computed"] += len(pixels)
        return rows_of(below, pixels)

    monkeypatch.setattr(rows_module, "resize", resized)
    monkeypatch.setattr(store_module, "rows_of", computed)

    def taken():
        found = tuple(counts.values())
        counts.update(decoded=0, computed=0)
        return found

    return taken


def section(photos, **more):
    return DatasetSection(format="folders", path=str(photos), **more)


def sets_of(found):
    return preflight(found, "photos").sets.without_test()


def features(split, images):
    found = stored(split.below, split.name, images)
    np.testing.assert_array_equal(np.asarray(found), forward(split.below, images.pixels))
    return np.asarray(found)


def searched(split, found, sets):
    data = load_trial_data(found, SIZE, sets)
    features(split, data.train)
    features(split, data.validation)
    return data


def test_fine_tuning_on_training_and_validation_images_computes_nothing(split, photos, counted):
    found = section(photos)
    sets = sets_of(found)
    data = searched(split, found, sets)
    count = len(data.train.labels) + len(data.validation.labels)
    assert counted() == (count, count)
    take_counts()
    shutil.rmtree(photos)  # not even the dataset is looked at
    forget()
    _, both = load_refit_data(found, SIZE, sets)
    assert len(both.labels) == count == 32
    features(split, both)
    assert counted() == (0, 0)
    assert take_counts() == {"hits": 32, "misses": 0}


def test_another_split_computes_what_was_in_the_test_set(split, photos, counted):
    first, second = section(photos), section(photos, seed=5)
    sets = sets_of(first)
    searched(split, first, sets)
    counted()
    others = sets_of(second)
    searched(split, second, others)
    was_test = set(others.keys) - {sets.keys[p] for p in sets.positions("train", "validation")}
    wanted = {others.keys[p] for p in others.positions("train", "validation")}
    assert counted() == (len(wanted & was_test),) * 2
    assert 0 < len(wanted & was_test) < 9


def test_a_subset_computes_nothing(split, photos, counted):
    whole = section(photos)
    sets = sets_of(whole)
    searched(split, whole, sets)
    counted()
    part = section(photos, subset=20)
    chosen = sets_of(part)
    known = {sets.keys[p] for p in sets.positions("train", "validation")}
    wanted = {chosen.keys[p] for p in chosen.positions("train", "validation")}
    searched(split, part, chosen)
    assert counted() == (len(wanted - known),) * 2


def test_a_folder_that_has_grown_computes_what_is_new(split, tmp_path, counted, monkeypatch):
    """Published sets: the new images come to those that are trained on."""
    root = tmp_path / "photos"
    class_folders(root / "train", 2, 20)
    class_folders(root / "test", 2, 5, first=5000)
    found = DatasetSection(format="split_folders", path=str(root))
    searched(split, found, sets_of(found))
    assert counted() == (40, 40)
    more = class_folders(tmp_path / "more", 2, 5, first=9000)
    for path in more.rglob("*.jpg"):
        shutil.copy(path, root / "train" / path.parent.name / f"new{path.name}")
    decoded, decode = [], decoding.decode
    monkeypatch.setattr(
        "trainables.datasets.manifest.image_files.decode",
        lambda file, key, *rules: decoded.append(key) or decode(file, key, *rules),
    )
    take_counts()
    data = searched(split, found, sets_of(found))
    assert take_counts() == {"hits": 40, "misses": 10}
    assert len(data.train.labels) + len(data.validation.labels) == 50
    assert counted() == (10, 10)
    assert {key.split("/")[-1][:3] for key in decoded} == {"new"}
    assert len(decoded) == 20, "once to inspect it, once for its pixels"


@pytest.mark.parametrize("head", ["pooled", "dense"])
def test_a_row_is_the_same_in_whatever_batch_it_was_computed(head):
    """Bit by bit, also if it was alone."""
    keras.utils.set_random_seed(0)
    pixels = keras.Input((24, 24, 3))
    maps = keras.layers.Conv2D(8, 3, strides=2, activation="relu")(pixels)
    maps = keras.layers.DepthwiseConv2D(3)(maps)
    maps = keras.layers.Conv2D(16, 1)(maps)
    if head == "pooled":
        top = keras.layers.GlobalAveragePooling2D()(maps)
    else:
        top = keras.layers.Dense(40)(keras.layers.Dense(64)(keras.layers.Flatten()(maps)))
    model = keras.Model(pixels, top)
    images = np.random.default_rng(0).integers(0, 256, (67, 24, 24, 3), np.uint8)
    whole = forward(model, images)
    for batch in (1, 2, 3, 8, 33, 66):
        parts = list(rows_of(model, images, batch)(0, 67))
        assert parts[-1].shape[0] == 67 - (67 - 1) // batch * batch
        np.testing.assert_array_equal(np.concatenate(parts), whole)
