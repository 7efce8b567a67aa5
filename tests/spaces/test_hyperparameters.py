"""A point keeps its own rules: conditions, ranges, and what excludes what."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces.backbones import BACKBONES
from spaces.hyperparameters import CONDITIONS, FIELDS, Hyperparameters

PARENTS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "truncation_layer": ({}, {"backbone": "none"}),
    "batch_norm": ({"unfrozen_depth": 1}, {}),
    "convolution_batch_norm": ({"convolutions": (8,)}, {}),
    "convolution_pooling": ({"convolutions": (8,)}, {}),
    "focal_gamma": ({"loss": "focal"}, {"loss": "categorical"}),
    "logit_adjustment": ({"sampling": "none"}, {"sampling": "balanced"}),
    "momentum": ({"optimizer": "sgd"}, {"optimizer": "adam"}),
    "ema_momentum": ({"optimizer": "adamw"}, {"optimizer": "schedule_free"}),
    "layer_decay": ({"unfrozen_depth": 1}, {}),
    "decay_rate": ({"decay": "time"}, {"decay": "step"}),
    "decay_factor": ({"decay": "step"}, {"decay": "cosine"}),
    "decay_epochs": ({"decay": "step"}, {"decay": "exponential"}),
    "decay_patience": ({"decay": "plateau"}, {"decay": "step"}),
    "decay_floor": ({"decay": "cosine"}, {"decay": "none"}),
    "head_epochs": ({"boundary_layer": "head_conv"}, {}),
    "thaw_learning_rate": (
        {"unfrozen_depth": 1, "head_epochs": 1},
        {"unfrozen_depth": 1, "head_epochs": 0},
    ),
    "crop_ratio": ({"crop_scale": 0.3}, {"crop": 0.1}),
    "views": ({"rotation": 10.0}, {"flip": "none"}),
}
"""Of each conditional hyperparameter: values under which it exists, and under which it does not."""

VALUES: dict[str, Any] = {
    "truncation_layer": "head_conv",
    "batch_norm": "trained",
    "convolution_batch_norm": True,
    "convolution_pooling": True,
    "focal_gamma": 0.5,
    "logit_adjustment": 1.0,
    "momentum": 0.5,
    "ema_momentum": 0.99,
    "layer_decay": 0.8,
    "decay_rate": 0.1,
    "decay_factor": 0.5,
    "decay_epochs": 3,
    "decay_patience": 2,
    "decay_floor": 0.1,
    "head_epochs": 2,
    "thaw_learning_rate": 1e-4,
    "crop_ratio": 2.0,
    "views": 3,
}


def test_every_condition_is_tested():
    assert set(PARENTS) == set(VALUES) == set(CONDITIONS)


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_conditional_hyperparameter_exists_only_under_its_parent(name):
    holds, fails = PARENTS[name]
    assert getattr(Hyperparameters(**holds), name) == CONDITIONS[name].default
    assert getattr(Hyperparameters(**holds, **{name: VALUES[name]}), name) == VALUES[name]
    assert getattr(Hyperparameters(**fails), name) is None
    with pytest.raises(ValueError, match=f"^{name} is .* exists only if {CONDITIONS[name].text}"):
        Hyperparameters(**fails, **{name: VALUES[name]})


@pytest.mark.parametrize("decay", ["step", "exponential", "plateau"])
def test_three_decays_have_a_factor(decay):
    assert Hyperparameters(decay=decay).decay_factor == CONDITIONS["decay_factor"].default


def test_parents_stand_before_their_children():
    order = list(FIELDS)
    for name, (holds, fails) in PARENTS.items():
        for parent in {**holds, **fails}:
            assert order.index(parent) < order.index(name), (parent, name)


SGD, STEP = {"optimizer": "sgd"}, {"decay": "step"}
TWO_PHASE = {"unfrozen_depth": 1, "head_epochs": 1}


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"image_size": 0}, "image_size"),
        ({"unfrozen_depth": -1}, "unfrozen_depth"),
        ({"batch_size": 0}, "batch_size"),
        ({"epochs": 0}, "epochs"),
        ({"early_stopping": -1}, "early_stopping"),
        ({"unfrozen_depth": 1, "head_epochs": -1}, "head_epochs"),
        (STEP | {"decay_epochs": 0}, "decay_epochs"),
        ({"decay": "plateau", "decay_patience": -1}, "decay_patience"),
        ({"learning_rate": 0.0}, "learning_rate"),
        (TWO_PHASE | {"thaw_learning_rate": 0.0}, "thaw_learning_rate"),
        (STEP | {"decay_factor": 0.0}, "decay_factor"),
        (STEP | {"decay_factor": 1.01}, "decay_factor"),
        ({"dropout": 1.0}, "dropout"),
        ({"dropout": -0.1}, "dropout"),
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"crop": 1.0}, "crop"),
        (SGD | {"momentum": 1.0}, "momentum"),
        ({"ema_momentum": 1.0}, "ema_momentum"),
        ({"warmup": 1.0}, "warmup"),
        ({"clip_norm": -1.0}, "clip_norm"),
        ({"loss": "focal", "focal_gamma": -0.5}, "focal_gamma"),
        ({"logit_adjustment": -0.5}, "logit_adjustment"),
        ({"unfrozen_depth": 1, "layer_decay": 0.0}, "layer_decay"),
        ({"unfrozen_depth": 1, "layer_decay": 1.01}, "layer_decay"),
        ({"zoom": -0.1}, "zoom"),
        ({"shift": 1.0}, "shift"),
        ({"decay": "cosine", "decay_floor": 1.0}, "decay_floor"),
        ({"weight_decay": -1e-4}, "weight_decay"),
        ({"rotation": -1.0}, "rotation"),
        ({"shear": -1.0}, "shear"),
        ({"shear": 45.5}, "shear"),
        ({"crop_scale": 1.1}, "crop_scale"),
        ({"crop_scale": 0.5, "crop_ratio": 0.9}, "crop_ratio"),
        ({"color_jitter": 1.1}, "color_jitter"),
        ({"grayscale": -0.1}, "grayscale"),
        ({"blur": 1.1}, "blur"),
        ({"erasing": 1.1}, "erasing"),
        ({"mixup": -0.1}, "mixup"),
        ({"cutmix": -0.1}, "cutmix"),
        ({"feature_jitter": 1.1}, "feature_jitter"),
        ({"feature_mixup": -0.1}, "feature_mixup"),
        ({"decay": "time", "decay_rate": -0.1}, "decay_rate"),
        ({"unfrozen_depth": 1, "head_epochs": 10, "epochs": 10}, "head_epochs"),
        ({"backbone": "MobileNetV9"}, "backbone"),
        ({"backbone": "VGG16", "unfrozen_depth": BACKBONES["VGG16"] + 1}, "unfrozen_depth"),
    ],
)
def test_a_value_out_of_its_range_is_refused_by_its_name(values, name):
    with pytest.raises(ValueError, match=f"^{name} is ") as error:
        Hyperparameters(**values)
    assert str(values[name]).strip("'") in str(error.value)


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"dense_units": (64, 0)}, "a layer must have at least 1 unit"),
        ({"convolutions": (0,)}, "a layer must have at least 1 unit"),
        ({"unfrozen_depth": 1, "boundary_layer": "head_conv"}, "not both"),
        ({"backbone": "none", "unfrozen_depth": 1}, "without a backbone there is nothing to thaw"),
        (
            {"backbone": "none", "boundary_layer": "x"},
            "without a backbone there is nothing to thaw",
        ),
        ({"crop": 0.1, "crop_scale": 0.5}, "give one of them"),
        ({"mixup": 0.1, "feature_mixup": 0.5}, "an image is mixed once"),
        ({"cutmix": 0.1, "feature_mixup": 0.5}, "an image is mixed once"),
        ({"loss": "binary"}, "binary cross-entropy needs output_activation: sigmoid"),
    ],
)
def test_values_that_exclude_each_other_are_refused(values, text):
    with pytest.raises(ValueError, match=text):
        Hyperparameters(**values)


SCALES_ITSELF = ["ConvNeXtTiny", "EfficientNetB3", "EfficientNetV2S", "MobileNetV3Large"]


@pytest.mark.parametrize("backbone", SCALES_ITSELF)
@pytest.mark.parametrize("kind", ["unit", "signed", "torch", "channel_means"])
def test_pixels_are_not_scaled_twice(backbone, kind):
    text = f"^preprocessing is {kind}, but {backbone} scales .* set preprocessing: backbone$"
    with pytest.raises(ValueError, match=text):
        Hyperparameters(backbone=backbone, preprocessing=kind)
    for allowed in ("backbone", "none"):
        Hyperparameters(backbone=backbone, preprocessing=allowed)
    Hyperparameters(backbone="MobileNetV2", preprocessing=kind)


@pytest.mark.parametrize("value", [math.nan, math.inf], ids=str)
@pytest.mark.parametrize(
    ("name", "parents"),
    [
        ("learning_rate", {}),
        ("weight_decay", {}),
        ("dropout", {}),
        ("label_smoothing", {}),
        ("rotation", {}),
        ("shear", {}),
        ("zoom", {}),
        ("shift", {}),
        ("crop", {}),
        ("crop_scale", {}),
        ("crop_ratio", {"crop_scale": 0.5}),
        ("color_jitter", {}),
        ("mixup", {}),
        ("feature_mixup", {}),
        ("momentum", SGD),
        ("ema_momentum", {}),
        ("warmup", {}),
        ("clip_norm", {}),
        ("focal_gamma", {"loss": "focal"}),
        ("logit_adjustment", {}),
        ("layer_decay", {"unfrozen_depth": 1}),
        ("decay_rate", {"decay": "time"}),
        ("decay_factor", STEP),
        ("decay_floor", {"decay": "cosine"}),
        ("thaw_learning_rate", TWO_PHASE),
    ],
)
def test_a_value_that_is_not_finite_is_refused(name, parents, value):
    with pytest.raises(ValueError, match=f"^{name} is "):
        Hyperparameters(**parents, **{name: value})


def test_all_problems_are_named_at_once():
    with pytest.raises(ValueError, match="is") as error:
        Hyperparameters(dropout=2.0, batch_size=0, decay_rate=0.1, loss="binary")
    named = [line.split(" ", 1)[0] for line in str(error.value).splitlines()]
    assert sorted(named) == ["batch_size", "decay_rate", "dropout", "loss"]


@pytest.mark.parametrize(
    ("written", "meant"), [("MobileNetV22", "MobileNetV2"), ("zzz", None), ("Resnet18", "ResNet18")]
)
def test_an_unknown_backbone_comes_with_a_hint(written, meant):
    with pytest.raises(ValueError, match="which is not known") as error:
        Hyperparameters(backbone=written)
    expected = f"did you mean {meant}?" if meant else "known are EfficientNetLite0, "
    assert expected in str(error.value)


@pytest.mark.parametrize("backbone", BACKBONES)
def test_every_backbone_can_be_thawed_whole_and_no_further(backbone):
    depth = BACKBONES[backbone]
    assert Hyperparameters(backbone=backbone, unfrozen_depth=depth).unfrozen_depth == depth
    with pytest.raises(ValueError, match=f"{backbone} has {depth} weight layers"):
        Hyperparameters(backbone=backbone, unfrozen_depth=depth + 1)


def test_a_point_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Hyperparameters().dropout = 0.5  # type: ignore[misc]


def test_points_of_equal_values_are_equal_and_hash_alike():
    one, other = Hyperparameters(dense_units=(64,)), Hyperparameters(dense_units=(64,))
    assert one == other
    assert hash(one) == hash(other)
    assert one != dataclasses.replace(other, dropout=0.1)


SHARE = st.floats(0, 0.99)
ANY_VALUE: dict[str, st.SearchStrategy[Any]] = {
    "backbone": st.sampled_from(["none", "EfficientNetLite0", "VGG16", "MobileNetV2"]),
    "weights": st.sampled_from(["imagenet", "none", "weights/büro.pth"]),
    "image_size": st.integers(1, 512),
    "preprocessing": st.sampled_from(["backbone", "unit", "torch", "none"]),
    "truncation_layer": st.none() | st.text(min_size=1),
    "unfrozen_depth": st.integers(0, 13),
    "frozen_part": st.sampled_from(["below", "dense"]),
    "batch_norm": st.sampled_from(["frozen", "trained"]),
    "convolutions": st.lists(st.integers(1, 64), max_size=2).map(tuple),
    "convolution_batch_norm": st.booleans(),
    "convolution_pooling": st.booleans(),
    "pooling": st.sampled_from(["average", "max", "flatten"]),
    "dense_units": st.lists(st.integers(1, 4096), max_size=3).map(tuple),
    "head_batch_norm": st.sampled_from(["none", "pooling", "dense"]),
    "dropout": SHARE,
    "dropout_place": st.sampled_from(["each", "first", "last"]),
    "output_activation": st.sampled_from(["softmax", "sigmoid"]),
    "loss": st.sampled_from(["sparse_categorical", "categorical", "focal"]),
    "focal_gamma": st.floats(0, 5),
    "label_smoothing": SHARE,
    "class_weights": st.sampled_from(["none", "balanced"]),
    "sampling": st.sampled_from(["none", "balanced"]),
    "logit_adjustment": st.floats(0, 2),
    "optimizer": st.sampled_from(["adam", "adamw", "sgd", "lion", "schedule_free"]),
    "momentum": SHARE,
    "ema_momentum": SHARE,
    "learning_rate": st.floats(1e-9, 1e3),
    "layer_decay": st.floats(0.1, 1),
    "warmup": SHARE,
    "weight_decay": st.floats(0, 1),
    "clip_norm": st.floats(0, 10),
    "decay": st.sampled_from(["none", "time", "step", "exponential", "cosine", "plateau"]),
    "decay_rate": st.floats(0, 10),
    "decay_factor": st.floats(1e-3, 1),
    "decay_epochs": st.integers(1, 50),
    "decay_patience": st.integers(0, 50),
    "decay_floor": SHARE,
    "batch_size": st.integers(1, 1024),
    "epochs": st.integers(4, 100),
    "head_epochs": st.integers(0, 3),
    "thaw_learning_rate": st.none() | st.floats(1e-9, 1),
    "early_stopping": st.integers(0, 10),
    "flip": st.sampled_from(["none", "horizontal", "both"]),
    **dict.fromkeys(("zoom", "shift", "crop"), SHARE),
    **dict.fromkeys(("rotation", "shear"), st.floats(0, 45)),
    "resize": st.sampled_from(["squash", "crop", "pad"]),
    "crop_scale": SHARE,
    "crop_ratio": st.floats(1, 3),
    **dict.fromkeys(("color_jitter", "grayscale", "blur", "erasing", "feature_jitter"), SHARE),
    "trivial_augment": st.booleans(),
    **dict.fromkeys(("mixup", "cutmix", "feature_mixup"), st.floats(0, 4)),
    "views": st.integers(0, 9),
}


@st.composite
def points(draw: st.DrawFn) -> Hyperparameters:
    values: dict[str, Any] = {name: field.default for name, field in FIELDS.items()}
    for name, strategy in ANY_VALUE.items():
        condition = CONDITIONS.get(name)
        if condition is None or condition.holds(values):
            values[name] = draw(strategy)
        if values["backbone"] == "none":
            values["unfrozen_depth"] = 0
        if values["crop"]:
            values["crop_scale"] = 0.0
        if values["feature_mixup"]:
            values["mixup"] = values["cutmix"] = 0.0
    return Hyperparameters(**values)


@given(points())
@settings(max_examples=150)
def test_what_is_written_is_what_is_read(point):
    written = json.loads(json.dumps(point.to_dict(), allow_nan=False))
    assert Hyperparameters.from_dict(written) == point
    assert set(written) == set(FIELDS)


@given(points())
@settings(max_examples=150)
def test_a_conditional_value_is_there_exactly_where_its_condition_holds(point):
    values = dataclasses.asdict(point)
    for name, condition in CONDITIONS.items():
        if not condition.holds(values):
            assert values[name] is None
        elif condition.default is not None:
            assert values[name] is not None
