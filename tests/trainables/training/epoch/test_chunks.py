"""Chunks: a training that streams its examples makes the same updates as one that holds them."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import pytest
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from spaces.studies.dataset import DatasetSection
from spaces.studies.study import Objective
from tests.trainables.datasets.pictures import class_folders
from trainables.cache.eviction import entries
from trainables.datasets.formats.readers import read_index
from trainables.datasets.rows import images as rows_images
from trainables.datasets.rows.decoded import Decoded
from trainables.datasets.rows.images import load_images
from trainables.features.in_memory import Examples, examples_at, forget
from trainables.networks.cut import PIXELS, Cut
from trainables.process.messages import take_notes
from trainables.training.epoch import chunks
from trainables.training.epoch.chunks import ahead, evaluation_chunks, training_chunks
from trainables.training.training import Training

COUNT, BATCH, LIMIT = 50, 8, "60KB"
"""Of 3 kB each: more than `LIMIT` holds, in chunks of a batch or two."""


@pytest.fixture
def streamed(monkeypatch):
    monkeypatch.setenv("THAWTUNE_DATA_MEMORY", LIMIT)
    forget()
    yield
    forget()


def mapped(images):
    return Examples(images.pixels, tf.constant(images.labels))


def test_large_sets_stay_on_the_disk_and_small_ones_in_memory(make_images, streamed):
    cut = Cut(PIXELS, None, None)
    assert not examples_at(cut, make_images(COUNT)).are_resident
    assert examples_at(cut, make_images(9)).are_resident


@pytest.mark.parametrize("batch", [1, 7, 8, COUNT, COUNT + 1])
def test_chunks_are_whole_batches_in_the_order_of_the_epoch(make_images, streamed, batch):
    images = make_images(COUNT)
    order = np.random.default_rng(2).permutation(COUNT)
    found = list(training_chunks(mapped(images), order, batch))
    assert len(found) > 1 or batch >= COUNT
    seen = [image for chunk in found for image in tf.gather(chunk.inputs, chunk.order).numpy()]
    np.testing.assert_array_equal(seen, images.pixels[order])
    labels = [label for chunk in found for label in tf.gather(chunk.labels, chunk.order).numpy()]
    np.testing.assert_array_equal(labels, images.labels[order])
    assert [chunk.first * batch for chunk in found] == [
        sum(len(c.order) for c in found[:i]) for i in range(len(found))
    ]
    largest = max(len(chunk.order) for chunk in found)
    assert largest <= max(batch, 60_000 // 3 // images.pixels[0].nbytes)


@pytest.mark.parametrize(("replicas", "batch"), [(2, 8), (3, 8), (3, 2), (4, 7)])
def test_replicas_gather_what_they_train_on(make_images, streamed, monkeypatch, replicas, batch):
    """As `Loop` deals a batch out: every n-th example, and the last one if there are too few."""
    images = make_images(COUNT)
    order = np.random.default_rng(3).permutation(COUNT)
    for mine in range(replicas):
        monkeypatch.setattr(chunks, "_replicas", lambda mine=mine: (replicas, [mine]))
        gathered = 0
        for chunk in training_chunks(mapped(images), order, batch):
            gathered += len(chunk.inputs)
            for start in range(0, len(chunk.order), batch):
                here = chunk.order.numpy()[start : start + batch]
                whole = order[(chunk.first * batch + start) :][: len(here)]
                first = min(mine, len(here) - 1)
                np.testing.assert_array_equal(
                    tf.gather(chunk.inputs, here[first::replicas]),
                    images.pixels[whole[first::replicas]],
                )
        assert gathered <= COUNT / replicas + COUNT / batch


def test_evaluation_sees_each_image_once_in_order(make_images, streamed):
    images = make_images(COUNT)
    parts = list(evaluation_chunks(mapped(images), 4))
    assert len(parts) > 5
    assert {len(labels) for _, labels in parts[:-1]} == {4}
    np.testing.assert_array_equal(np.concatenate([i for i, _ in parts]), images.pixels)
    np.testing.assert_array_equal(np.concatenate([y for _, y in parts]), images.labels)


def test_the_next_is_made_while_one_is_used():
    begun = []

    def make(number):
        begun.append(number)
        return number

    assert list(ahead(make, [])) == []
    each = ahead(make, range(4))
    assert next(each) == 0
    assert list(each) == [1, 2, 3] == begun[1:]


def test_an_error_in_gathering_is_raised_where_it_is_used():
    def fail(number):
        raise OSError(f"row {number}")

    with pytest.raises(OSError, match="row 0"):
        list(ahead(fail, range(3)))


POINTS = {
    "pixels": {"backbone": "none", "convolutions": (4,), "convolution_pooling": True},
    "augmented": {
        "backbone": "none",
        "convolutions": (4,),
        "flip": "horizontal",
        "rotation": 20.0,
        "dropout": 0.3,
    },
    "all that changes pixels": {
        "backbone": "none",
        "convolutions": (4,),
        "trivial_augment": True,
        "blur": 0.5,
        "erasing": 0.5,
        "mixup": 0.4,
        "cutmix": 1.0,
    },
    "changed features": {
        "backbone": "VGG16",
        "truncation_layer": "block2_pool",
        "feature_mixup": 0.4,
        "feature_jitter": 0.2,
    },
    "mixed views": {
        "backbone": "VGG16",
        "truncation_layer": "block2_pool",
        "color_jitter": 0.3,
        "mixup": 0.4,
        "views": 2,
    },
    "features": {"backbone": "VGG16", "truncation_layer": "block2_pool", "dense_units": (8,)},
    "thawed": {"backbone": "VGG16", "truncation_layer": "block2_pool", "unfrozen_depth": 1},
}


def trained(point, train, validation):
    """Whether the training images are resident, the measured numbers, and the weights."""
    forget()
    training = Training(point, 3, train, validation, 5, Objective())
    told = [training.run_epoch() for _ in range(2)]
    numbers = [(m.train_loss, m.train_accuracy, m.val_loss, m.val_accuracy) for m in told]
    is_resident = training._examples(train).are_resident
    forget()
    return is_resident, numbers, [v.numpy() for v in training.network.model.weights]


def assert_same(one, other):
    assert one[1] == other[1]
    for mine, its in zip(one[2], other[2], strict=True):
        np.testing.assert_array_equal(mine, its)


@pytest.mark.parametrize("name", POINTS)
def test_streamed_and_resident_give_equal_weights(make_images, monkeypatch, tmp_path, name):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    point = Hyperparameters(
        weights="none", image_size=32, batch_size=BATCH, epochs=2, **POINTS[name]
    )
    images = make_images(COUNT, size=32), make_images(20, size=32, seed=1)
    whole = trained(point, *images)
    monkeypatch.setenv("THAWTUNE_DATA_MEMORY", "12KB")
    streamed = trained(point, *images)
    assert (whole[0], streamed[0]) == (True, False)
    assert_same(whole, streamed)


@pytest.mark.parametrize("name", ["augmented", "features"])
def test_images_decoded_on_the_way_give_equal_weights(monkeypatch, tmp_path, name):
    """From files, where neither memory nor the cache has room for their pixels."""
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "large"))
    folder = class_folders(tmp_path / "photos", 3, 12)
    index = read_index(DatasetSection(format="folders", path=str(folder)))
    sets = np.arange(0, 36, 2), np.arange(1, 36, 2)
    point = Hyperparameters(
        weights="none", image_size=32, batch_size=BATCH, epochs=2, **POINTS[name]
    )

    def loaded():
        return [load_images(index, positions, 32) for positions in sets]

    kept = loaded()
    whole = trained(point, *kept)
    monkeypatch.setattr(rows_images, "SMALL", 0)
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "small"))
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", "40KB")  # of features, not of 55 kB of pixels
    monkeypatch.setenv("THAWTUNE_DATA_MEMORY", "12KB")
    take_notes()
    decoded = loaded()
    assert all(isinstance(images.pixels, Decoded) for images in decoded)
    assert "has no room for 18 images of 32 pixels (0.0 GB, of at most" in take_notes()[0]
    streamed = trained(point, *decoded)
    assert {entry.kind for entry in entries()} == ({"features"} if name == "features" else set())
    assert (whole[0], streamed[0]) == (True, False)
    assert_same(whole, streamed)


def test_decoding_that_does_not_keep_up_is_told(make_images, streamed):
    class Slow(Decoded):
        def __init__(self, pixels):
            self._pixels = pixels

        shape = property(lambda self: self._pixels.shape)
        dtype = property(lambda self: self._pixels.dtype)

        def __getitem__(self, rows):
            time.sleep(0.05)
            return self._pixels[rows]

    images = make_images(COUNT)
    examples = Examples(Slow(images.pixels), tf.constant(images.labels))
    take_notes()
    list(training_chunks(examples, np.arange(COUNT), BATCH))
    [told] = take_notes()
    assert "Decoding does not keep up" in told
    assert "resources.cpu" in told
    list(training_chunks(examples, np.arange(COUNT), BATCH))
    assert take_notes() == [], "once is enough"
    examples = replace(examples, inputs=Slow(images.pixels))
    for _ in training_chunks(examples, np.arange(COUNT), BATCH):
        time.sleep(0.12)  # slower than the images come
    assert take_notes() == []
