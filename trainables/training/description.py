"""Description of a configuration without training it: layers, parameters, cost."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import keras

from spaces.hyperparameters import Hyperparameters
from trainables.networks.cut import cut
from trainables.networks.multiply_adds import multiply_adds
from trainables.networks.network import build_network


def describe(point: Hyperparameters, classes: int) -> dict[str, Any]:
    """Network, parameters, boundary and cost of a configuration, as plain values.

    Where there are two phases, trained parameters and boundary are those of the first one, and
    `thawed` has those of the second.

    Raises:
        InputError: If the network cannot be built.
    """
    network = build_network(dataclasses.replace(point, weights="none"), classes)
    phases = [_phase(network, point)]
    if point.head_epochs:
        network.freeze_backbone()
        phases.insert(0, _phase(network, point))
    return {
        "backbone": point.backbone,
        "weights": point.weights,
        "image_size": point.image_size,
        "layers": len(network.backbone_layers),
        "weight_layers": len(network.weight_layers),
        "total_params": network.model.count_params(),
        **phases[0],
        "thawed": phases[1] if len(phases) > 1 else None,
    }


def _phase(network: Any, point: Hyperparameters) -> dict[str, Any]:
    model = network.model
    split = cut(model)
    is_live = split.below is None or point.views == 0
    total = _multiply_adds(model)
    below = 0 if split.below is None else _multiply_adds(split.below)
    return {
        "trainable_params": sum(math.prod(v.shape) for v in model.trainable_variables),
        "boundary": network.boundary,
        "features": None if is_live else f"{split.name} {tuple(split.above.inputs[0].shape[1:])}",
        "multiply_adds": total,
        "multiply_adds_once": 0 if is_live else below,
    }


def _multiply_adds(model: keras.Model) -> int:
    """Of one image's forward pass, in convolutions, dense layers and attention."""
    return sum(map(multiply_adds, model.operations))
