"""Which cuts are worth storing where no plan weighs them for all trials."""

from __future__ import annotations

import dataclasses

import keras
import pytest

from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from trainables.cache.eviction import entries
from trainables.features.plan import work
from trainables.features.plan.work import work_up_to, worth_storing
from trainables.networks.cut import cuts
from trainables.networks.network import build_network
from trainables.training.training import Training

VGG = Hyperparameters(backbone="VGG16", weights="none", image_size=32, batch_size=8, epochs=2)


def names_of(point):
    network = build_network(point, 3)
    network.thaw()
    return worth_storing(network.model)


def test_work_is_that_of_convolutions_and_of_moving_their_outputs():
    inputs = keras.Input((8, 8, 3))
    hidden = keras.layers.Conv2D(4, 3, padding="same", name="conv")(inputs)
    pooled = keras.layers.GlobalAveragePooling2D(name="pool")(hidden)
    found = work_up_to(keras.Model(inputs, keras.layers.Dense(2, name="dense")(pooled)))
    moved = 40 * 8 * 8 * 3
    conv = moved + 64 * 3 * 3 * 3 * 4 + 40 * 64 * 4
    expected = {"conv": conv, "pool": conv + 40 * 4, "dense": conv + 40 * 4 + 4 * 2 + 40 * 2}
    assert {name: found[name] for name in expected} == expected
    assert next(iter(found.values())) == 0, "nothing is gained below the first weights"


def test_wide_activations_near_the_pixels_are_not_worth_it_and_narrow_ones_are():
    nearly_all = dataclasses.replace(VGG, unfrozen_depth=12)  # only the first convolution is frozen
    assert "block1_conv1" not in names_of(nearly_all)
    last_block = dataclasses.replace(VGG, unfrozen_depth=3)
    assert "block4_pool" in names_of(last_block)
    normalised = dataclasses.replace(VGG, backbone="EfficientNetB0", unfrozen_depth=81)
    assert names_of(normalised) == frozenset(), "a subtraction costs less than a file"


def test_attention_counts_every_token_and_every_output():
    inputs = keras.Input((6, 8))
    dense = keras.layers.Dense(12, use_bias=False, name="qkv")(inputs)
    query, key, value = keras.ops.split(dense, 3, axis=-1)
    found = work_up_to(keras.Model(inputs, query + key + value))
    qkv = 40 * 6 * 8 + 6 * 8 * 12 + 40 * 6 * 12
    assert list(found.values())[:3] == [0, qkv, qkv + 40 * 6 * 12]


def test_a_transformer_is_cut_below_its_last_block():
    point = dataclasses.replace(VGG, backbone="ViTS16", unfrozen_depth=4)
    network = build_network(point, 3)
    network.thaw()
    highest = cuts(network.model)[-1]
    assert highest.name in worth_storing(network.model)
    assert tuple(highest.output.shape[1:]) == (5, 384), "four patches and the class token"


def test_a_device_that_computes_faster_stores_less(monkeypatch):
    point = dataclasses.replace(VGG, unfrozen_depth=3)
    on_cpu = names_of(point)
    monkeypatch.setattr(work, "usable_memory", lambda: 16 * 2**30)
    assert names_of(point) < on_cpu


@pytest.mark.parametrize(("depth", "views", "stored"), [(12, None, 0), (12, 2, 0), (3, None, 1)])
def test_a_training_without_a_plan_stores_only_what_is_worth_it(
    make_images, monkeypatch, tmp_path, depth, views, stored
):
    """As in fine-tuning, with views and in small studies."""
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    more = {"views": views, "flip": "horizontal"} if views else {}
    point = dataclasses.replace(VGG, unfrozen_depth=depth, epochs=1, **more)
    training = Training(point, 3, make_images(10, size=32), None, 0, Objective())
    training.run_epoch()
    assert len(entries(("features",))) == stored
