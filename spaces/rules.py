"""Rules that every configuration must obey, whatever its space."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Any

from spaces.backbones import BACKBONES, RESCALE_INSIDE, is_keras_file

_AT_LEAST_ONE = ("image_size", "batch_size", "epochs", "decay_epochs")
_NOT_NEGATIVE = (
    "unfrozen_depth",
    "early_stopping",
    "head_epochs",
    "decay_patience",
    "weight_decay",
    "rotation",
    "decay_rate",
    "views",
    "focal_gamma",
    "logit_adjustment",
    "clip_norm",
)
_POSITIVE = ("learning_rate", "thaw_learning_rate", "decay_factor")
_PARTS = ("crop_scale", "color_jitter", "grayscale", "blur", "erasing", "feature_jitter")
_CONCENTRATIONS = ("mixup", "cutmix", "feature_mixup")
_SHARES = (
    "dropout",
    "label_smoothing",
    "crop",
    "momentum",
    "ema_momentum",
    "warmup",
    "zoom",
    "shift",
    "decay_floor",
)

_MOST_SHEAR = 45
"""In degrees: a slope of 1, the largest that Keras's layer accepts."""


def broken_rules(values: Mapping[str, Any]) -> Iterator[str]:
    """A message for each rule that these hyperparameters break; it starts with a name.

    Args:
        values: Every hyperparameter by name; None if it does not apply.
    """
    for name, value in values.items():
        yield from broken_range(name, value)
    for name in ("dense_units", "convolutions"):
        if min((*values[name], 1)) < 1:
            yield f"{name} is {list(values[name])}, a layer must have at least 1 unit"
    if values["head_epochs"] is not None and values["head_epochs"] >= values["epochs"]:
        yield (
            f"head_epochs is {values['head_epochs']}, must be less than epochs ({values['epochs']})"
        )
    if values["output_activation"] == "softmax" and values["loss"] == "binary":
        yield "loss is binary, and binary cross-entropy needs output_activation: sigmoid"
    yield from _about_augmentation(values)
    yield from _about_the_backbone(values)


def broken_range(name: str, value: Any) -> list[str]:
    """A message if the value is outside the range of the hyperparameter, else an empty list."""
    text = None if value is None else _range_broken(name, value)
    return [f"{name} is {value}, must be {text}"] if text else []


def _range_broken(name: str, value: Any) -> str | None:
    """The requirement that a value violates, or None."""
    if isinstance(value, float) and not math.isfinite(value):
        return "finite"
    if name in _AT_LEAST_ONE and value < 1:
        return "1 or more"
    if name in _NOT_NEGATIVE and value < 0:
        return "0 or more"
    if name in _POSITIVE and value <= 0:
        return "above 0"
    if name in _PARTS and not 0 <= value <= 1:
        return "in 0..1"
    if name in _CONCENTRATIONS and value < 0:
        return "0 or more"
    if name == "crop_ratio" and value < 1:
        return "1 or more"
    if name in _SHARES and not 0 <= value < 1:
        return "in 0..1"
    if name == "layer_decay" and not 0 < value <= 1:
        return "above 0 and at most 1"
    if name == "decay_factor" and value > 1:
        return "at most 1, or the learning rate would rise"
    if name == "shear" and not 0 <= value <= _MOST_SHEAR:
        return f"in 0..{_MOST_SHEAR}"
    return None


def _about_augmentation(values: Mapping[str, Any]) -> Iterator[str]:
    if values["crop"] and values["crop_scale"]:
        yield (
            f"crop is {values['crop']} and crop_scale is {values['crop_scale']}: give one of them"
        )
    for name in ("mixup", "cutmix"):
        if values["feature_mixup"] and values[name]:
            yield (
                f"feature_mixup is {values['feature_mixup']} and {name} is {values[name]}: an "
                "image is mixed once; give one of them"
            )


def _about_the_backbone(values: Mapping[str, Any]) -> Iterator[str]:
    backbone, depth, boundary = (
        values[name] for name in ("backbone", "unfrozen_depth", "boundary_layer")
    )
    named = "unfrozen_depth" if depth > 0 else "boundary_layer"
    if depth > 0 and boundary is not None:
        yield f"boundary_layer is {boundary}: give unfrozen_depth or boundary_layer, not both"
    if backbone == "none":
        if depth > 0 or boundary is not None:
            yield f"{named} is {values[named]}, but without a backbone there is nothing to thaw"
    elif is_keras_file(backbone):
        if values["weights"] not in ("imagenet", "none"):
            yield (
                f"weights is {values['weights']}, but backbone is a file that has its own: leave "
                "weights out, or set weights: none for random ones"
            )
    elif backbone not in BACKBONES:
        near = difflib.get_close_matches(backbone, BACKBONES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(BACKBONES)}"
        yield f"backbone is {backbone!r}, which is not known; {hint}"
    elif depth > BACKBONES[backbone]:
        yield f"unfrozen_depth is {depth}, but {backbone} has {BACKBONES[backbone]} weight layers"
    if backbone.startswith(RESCALE_INSIDE) and values["preprocessing"] not in ("backbone", "none"):
        yield (
            f"preprocessing is {values['preprocessing']}, but {backbone} scales pixels of 0..255 "
            "itself and would scale them twice; set preprocessing: backbone"
        )
