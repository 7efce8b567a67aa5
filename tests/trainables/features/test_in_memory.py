"""The feature store: computed once, and never taken for another network's or other images'."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.cache.leases import end_leases
from trainables.cache.rows.entry_store import EntryStore
from trainables.features.in_memory import examples_at, forget, stored
from trainables.features.store import feature_store
from trainables.networks.cut import Cut, cut
from trainables.networks.forward import forward
from trainables.networks.network import build_network
from trainables.process.messages import take_notes


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    forget()
    yield tmp_path
    end_leases()


def files(folder):
    """Files of activations: name, inode, time of change."""
    files = sorted(folder.rglob("*.arrow"))
    return [(file.name, file.stat().st_ino, file.stat().st_mtime_ns) for file in files]


def small_cut(seed=1, scale=1 / 255, kind=keras.layers.GlobalAveragePooling2D, name="pooled"):
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((32, 32, 3), name="pixels")
    maps = keras.layers.Rescaling(scale, name="preprocess")(pixels)
    maps = keras.layers.Conv2D(4, 3, name="conv")(maps)
    below = keras.Model(pixels, kind(name=name)(maps))
    below.trainable = False
    above = keras.Sequential([keras.Input(below.output.shape[1:]), keras.layers.Dense(3)])
    return Cut(name, below, above)


def test_they_are_what_the_lower_part_gives(make_images):
    split, images = small_cut(), make_images(10)
    examples = examples_at(split, images)
    np.testing.assert_array_equal(examples.inputs, forward(split.below, images.pixels))
    np.testing.assert_array_equal(examples.labels, images.labels)
    assert examples.inputs.dtype == tf.float32


def test_they_are_computed_once(make_images, store):
    images = make_images(10)
    first = examples_at(small_cut(), images)
    [file] = files(store)
    again = examples_at(small_cut(), dataclasses.replace(images))
    assert files(store) == [file]
    np.testing.assert_array_equal(first.inputs, again.inputs)


def test_what_is_above_is_nothing_to_them(make_images, store):
    images, split = make_images(10), small_cut()
    examples_at(split, images)
    other = keras.Sequential([keras.Input((4,)), keras.layers.Dense(9), keras.layers.Dense(3)])
    examples_at(dataclasses.replace(split, above=other), images)
    assert len(files(store)) == 1


OTHERS = {
    "weights": {"seed": 2},
    "preprocessing": {"scale": 1 / 127.5},
    "another layer of this name": {"kind": keras.layers.GlobalMaxPooling2D},
    "another shape": {"kind": keras.layers.Flatten},
}


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_another_lower_part_has_its_own(make_images, store, changes):
    images = make_images(10)
    first = examples_at(small_cut(), images)
    split = small_cut(**changes)
    second = examples_at(split, images)
    assert len(files(store)) == 2
    assert not np.array_equal(first.inputs, second.inputs)
    np.testing.assert_array_equal(second.inputs, forward(split.below, images.pixels))


@pytest.mark.parametrize(
    "other", [{"seed": 1}, {"count": 12}], ids=["other pixels", "more of them"]
)
def test_another_set_of_images_has_its_own(make_images, store, other):
    split = small_cut()
    examples_at(split, make_images(10))
    images = make_images(**({"count": 10} | other))
    np.testing.assert_array_equal(
        examples_at(split, images).inputs, forward(split.below, images.pixels)
    )
    assert len(files(store)) == 2


NETWORKS = {
    "preprocessing": {"preprocessing": "torch"},
    "mirrored colours": {"preprocessing": "signed"},
    "truncation, weights the same": {"truncation_layer": "block1_conv2"},
    "truncation": {"truncation_layer": "block2_conv1"},
    "pooling": {"pooling": "max"},
    "boundary": {"unfrozen_depth": 1},
}


def real_cut(**changes):
    keras.utils.set_random_seed(0)
    values = {"backbone": "VGG16", "weights": "none", "truncation_layer": "block1_pool"} | changes
    return cut(build_network(Hyperparameters(image_size=32, **values), 3).model)


@pytest.fixture(scope="module")
def first_cut():
    return real_cut()


@pytest.mark.parametrize("changes", NETWORKS.values(), ids=NETWORKS)
def test_another_configuration_has_its_own(first_cut, make_images, store, changes):
    """By the cuts of real networks, whose weights start from the same seed."""
    images = make_images(6)
    for split in (first_cut, real_cut(**changes)):
        examples = examples_at(split, images)
        np.testing.assert_array_equal(examples.inputs, forward(split.below, images.pixels))
    assert len(files(store)) == 2


def test_without_anything_below_the_pixels_are_the_examples(make_images, store):
    images = make_images(10)
    above = keras.Sequential([keras.Input((32, 32, 3)), keras.layers.Flatten()])
    examples = examples_at(Cut("pixels", None, above), images)
    assert examples.inputs.dtype == tf.uint8
    np.testing.assert_array_equal(examples.inputs, images.pixels)
    other = make_images(10, seed=1)
    np.testing.assert_array_equal(
        examples_at(Cut("pixels", None, above), other).inputs, other.pixels
    )
    assert files(store) == []


def test_what_was_deleted_is_computed_anew(make_images, store):
    split, images = small_cut(seed=7), make_images(10)
    first = examples_at(split, images).inputs.numpy()
    forget()
    for file in store.rglob("*.arrow"):
        file.unlink()
    np.testing.assert_array_equal(examples_at(split, images).inputs, first)
    assert len(files(store)) == 1
    [line] = take_notes()
    assert "computed again" in line


def test_a_run_that_was_killed_while_it_computed_leaves_no_half_file(make_images, store):
    split, images = small_cut(seed=8), make_images(10)

    class Killed(BaseException):
        pass

    def dies(self, *args, **kwargs):
        raise Killed

    below = type("Dying", (keras.Model,), {"call": dies})(split.below.input, split.below.output)
    with pytest.raises(Killed):
        examples_at(dataclasses.replace(split, below=below), images)
    assert files(store) == []


def flip_a_byte(folder):
    with (folder / "activations.arrow").open("r+b") as file:
        file.seek(-20, 2)
        byte = file.read(1)[0]
        file.seek(-1, 1)
        file.write(bytes([byte ^ 4]))


def truncate(folder):
    path = folder / "activations.arrow"
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size - 8)


def empty(folder):
    (folder / "activations.arrow").write_bytes(b"")


def lose_the_description(folder):
    (folder / "entry.json").unlink()


def spoil_the_description(folder):
    (folder / "entry.json").write_text('{"shape":')


@pytest.mark.parametrize(
    "damage", [flip_a_byte, truncate, empty, lose_the_description, spoil_the_description]
)
def test_what_is_damaged_is_mended_and_said(make_images, store, damage):
    split, images = small_cut(seed=9), make_images(40)
    first = stored(split.below, split.name, images).copy()
    [key] = feature_store(split.below, split.name, images).keys_with(images.digests)
    folder = EntryStore().path(key)
    end_leases()
    damage(folder)
    np.testing.assert_array_equal(stored(split.below, split.name, images), first)
    [line] = take_notes()
    assert folder.name in line
    assert "damaged" in line
    stored(split.below, split.name, images)
    assert take_notes() == []
    assert {path.name for path in folder.parent.iterdir()} == {folder.name, f"{folder.name}.lock"}


def test_without_room_they_are_computed_and_not_stored(make_images, store, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", "100B")
    split, images = small_cut(), make_images(10)
    np.testing.assert_array_equal(
        examples_at(split, images).inputs, forward(split.below, images.pixels)
    )
    assert files(store) == []
    [line] = take_notes()
    assert "no room" in line
