"""What a written study searches beside depth, head and rates: a table, each row with its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Where = Literal["always", "thawed", "whole", "part"]


@dataclass(frozen=True)
class Ingredient:
    """One hyperparameter that is searched.

    Attributes:
        name: Of the hyperparameter.
        values: Its range, as a study file has it.
        where: In which trainings it exists: always, where anything is thawed, where the whole
            backbone is, or where only a part or nothing is, so that features are stored.
        why: The reason, as the written study states it.
        source: Where it comes from.
        images: Whose it is: all, photos (not grey ones), or those in uneven classes.
        off: What recipes have, where its default is not a value of the range.
    """

    name: str
    values: Mapping[str, Any]
    where: Where
    why: str
    source: str
    images: Literal["all", "photos", "uneven"] = "all"
    off: Any = None


INGREDIENTS = (
    Ingredient(
        "dense_units",
        {"choices": [[], [128], [256]]},
        "always",
        "a linear head, or one with a hidden layer",
        "usual",
    ),
    Ingredient(
        "dropout",
        {"low": 0.0, "high": 0.5},
        "always",
        "of the head",
        "Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html",
    ),
    Ingredient(
        "label_smoothing",
        {"low": 0.0, "high": 0.15},
        "always",
        "0.1 is usual",
        "Müller et al. 2019, https://arxiv.org/abs/1906.02629",
    ),
    Ingredient(
        "weight_decay",
        {"low": 0.0, "high": 0.05},
        "always",
        "decoupled",
        "Loshchilov and Hutter 2019, https://arxiv.org/abs/1711.05101",
    ),
    Ingredient(
        "class_weights",
        {"choices": ["none", "balanced"]},
        "always",
        "some classes are rare; whether weights help is tried",
        "King and Zeng 2001",
        images="uneven",
    ),
    Ingredient(
        "logit_adjustment",
        {"choices": [0.0, 1.0]},
        "always",
        "some classes are rare: larger margins for them",
        "Menon et al. 2021, https://arxiv.org/abs/2007.07314",
        images="uneven",
        off=0.0,
    ),
    Ingredient(
        "warmup",
        {"choices": [0.0, 0.1]},
        "always",
        "a rate that rises at first; it costs nothing",
        "AutoGluon's default; Goyal et al. 2017, https://arxiv.org/abs/1706.02677",
    ),
    Ingredient(
        "layer_decay",
        {"choices": [0.9, 0.95, 1.0]},
        "thawed",
        "lower rates for earlier layers; it costs nothing",
        "Clark et al. 2020, https://arxiv.org/abs/2003.10555",
        off=1.0,
    ),
    Ingredient(
        "ema_momentum",
        {"choices": [0.0, 0.99]},
        "always",
        "the average of the last weights; it costs nothing",
        "Morales-Brotons et al. 2024, https://arxiv.org/abs/2411.18704",
        off=0.0,
    ),
    Ingredient(
        "feature_mixup",
        {"choices": [0.0, 0.2]},
        "part",
        "mixtures of stored features; nothing is computed anew for them",
        "Verma et al. 2019, https://arxiv.org/abs/1806.05236",
    ),
    Ingredient("rotation", {"low": 0.0, "high": 15.0}, "whole", "turned a little", "usual"),
    Ingredient("zoom", {"low": 0.0, "high": 0.2}, "whole", "nearer or farther", "usual"),
    Ingredient(
        "crop_scale",
        {"choices": [0.0, 0.35]},
        "whole",
        "random windows: in photos, things are of any size and anywhere",
        "Szegedy et al. 2015, https://arxiv.org/abs/1409.4842; 0.35 as fastai",
        images="photos",
    ),
    Ingredient(
        "trivial_augment",
        {"choices": [False, True]},
        "whole",
        "one random operation an image, of any strength",
        "AutoGluon's default; Müller and Hutter 2021, https://arxiv.org/abs/2103.10158",
        images="photos",
    ),
    Ingredient(
        "mixup",
        {"choices": [0.0, 0.2]},
        "whole",
        "mixtures of two images",
        "Zhang et al. 2017, https://arxiv.org/abs/1710.09412",
        images="photos",
    ),
)
