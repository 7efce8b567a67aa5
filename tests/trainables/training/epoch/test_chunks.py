"""Chunks: a training that streams its examples makes the same updates as one that holds them."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from trainables.features.in_memory import Examples, examples_at, forget
from trainables.networks.cut import PIXELS, Cut
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


@pytest.mark.parametrize("name", POINTS)
def test_streamed_and_resident_give_equal_weights(make_images, monkeypatch, tmp_path, name):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    point = Hyperparameters(
        weights="none", image_size=32, batch_size=BATCH, epochs=2, **POINTS[name]
    )
    images = make_images(COUNT, size=32), make_images(20, size=32, seed=1)

    def trained():
        forget()
        training = Training(point, 3, *images, 5, Objective())
        told = [training.run_epoch() for _ in range(2)]
        numbers = [(m.train_loss, m.train_accuracy, m.val_loss, m.val_accuracy) for m in told]
        resident = training._examples(images[0]).are_resident
        return resident, numbers, [v.numpy() for v in training.network.model.weights]

    whole, numbers, weights = trained()
    monkeypatch.setenv("THAWTUNE_DATA_MEMORY", "12KB")
    streamed, others, same = trained()
    assert (whole, streamed) == (True, False)
    assert numbers == others
    for one, other in zip(weights, same, strict=True):
        np.testing.assert_array_equal(one, other)
    forget()
