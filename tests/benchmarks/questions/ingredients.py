"""The ingredients of fine-tuning that an ablation adds to a recipe, one at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WHOLE, HALF = "whole", "half"
"""Groups: everything thawed, and images augmented anew; or half of the layers, on stored features.
The first ingredient of a group is its recipe as it is."""


@dataclass(frozen=True)
class Ingredient:
    """One row of an ablation.

    Attributes:
        name: Of the row.
        values: Hyperparameters in place of the recipe's.
        group: The recipe that it is added to.
    """

    name: str
    values: Mapping[str, Any] = field(default_factory=dict)
    group: str = WHOLE


INGREDIENTS = (
    Ingredient("recipe"),
    Ingredient("warmup", {"warmup": 0.1}),
    Ingredient("clip_norm", {"clip_norm": 1.0}),
    Ingredient("ema_momentum", {"ema_momentum": 0.99}),
    Ingredient("layer_decay", {"layer_decay": 0.95}),
    Ingredient("weight_decay", {"weight_decay": 0.05}),
    Ingredient("adamw", {"optimizer": "adamw", "weight_decay": 0.05}),
    Ingredient("lion", {"optimizer": "lion", "learning_rate": 4e-4, "thaw_learning_rate": 2e-5}),
    Ingredient("schedule_free", {"optimizer": "schedule_free", "decay": "none"}),
    Ingredient("thaw_rate_times_3", {"thaw_learning_rate": 3e-4}),
    Ingredient("label_smoothing", {"label_smoothing": 0.1}),
    Ingredient("dropout", {"dropout": 0.3}),
    Ingredient("no_flip", {"flip": "none"}),
    Ingredient("flip_horizontal", {"flip": "horizontal"}),
    Ingredient("rotation_and_zoom", {"rotation": 10.0, "zoom": 0.1}),
    Ingredient("random_resized_crop", {"crop_scale": 0.35}),
    Ingredient("color_jitter", {"color_jitter": 0.4}),
    Ingredient("erasing", {"erasing": 0.25}),
    Ingredient("trivial_augment", {"trivial_augment": True}),
    Ingredient("mixup", {"mixup": 0.2}),
    Ingredient("cutmix", {"cutmix": 1.0}),
    Ingredient("half_recipe", group=HALF),
    Ingredient("feature_mixup", {"feature_mixup": 0.2}, HALF),
    Ingredient("feature_jitter", {"feature_jitter": 0.1}, HALF),
)
