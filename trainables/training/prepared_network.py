"""A network prepared for trials of one shape: built, cut, its loops traced."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from spaces.hyperparameters import FEATURE_AUGMENTATION, Hyperparameters
from spaces.studies.study import FeatureDtype
from trainables.augmentation.batch import STRENGTHS, augmentation
from trainables.datasets.rows.images import Images
from trainables.features.in_memory import Examples
from trainables.features.plan.work import worth_storing
from trainables.networks.cut import PIXELS, Cut, cut, freeze_dropout
from trainables.networks.initial_weights import initialise, reseed
from trainables.networks.keras_private import Node
from trainables.networks.network import Network, build_network, kept_weights
from trainables.optimizers.layer_decay import blocks_below_the_head
from trainables.optimizers.optimizers import optimizer_of
from trainables.training.backbone_instance import Trunk, forget
from trainables.training.distributed import share_statistics
from trainables.training.epoch.loop import Loop

VALUES = frozenset(
    {
        "learning_rate",
        "decay",
        "decay_rate",
        "decay_factor",
        "decay_epochs",
        "decay_patience",
        "decay_floor",
        "thaw_learning_rate",
        "batch_size",
        "epochs",
        "early_stopping",
        "label_smoothing",
        "class_weights",
        "output_activation",
        "resize",
        "focal_gamma",
        "sampling",
        "warmup",
    }
)
"""Hyperparameters that can change without retracing."""

SWITCHES = {
    **dict.fromkeys(("dropout", "weight_decay", "momentum", "head_epochs", "views"), 0),
    **dict.fromkeys(("clip_norm", "ema_momentum", "logit_adjustment", *STRENGTHS), 0),
    "layer_decay": 1,
}
"""Hyperparameters of which the graph depends only on whether they are at this value, or None."""


def shape_of(point: Hyperparameters, classes: int) -> tuple[Any, ...]:
    """Values in which two configurations must agree to be trained by the same graph."""
    parts = [classes]
    for name, value in vars(point).items():
        if name not in VALUES:
            is_on = value not in (None, SWITCHES.get(name))
            parts.append(is_on if name in SWITCHES else value)
    return tuple(parts)


@dataclass(frozen=True)
class Phase:
    """The network and loop of one phase: the head alone, or what is thawed too.

    Attributes:
        split: Where the network is cut.
        loop: Trains the part above.
    """

    split: Cut
    loop: Loop


class Prepared:
    """A head on a trunk, with all that training needs.

    Attributes:
        network: As it was built; each training has its own, with the same model.
        kept: Variables that training changes in any phase.
        trained_params: Parameters that are trained in any phase.
        augment: Augmentation that is drawn anew for each batch, or None.

    Args:
        trunk: To build the head on.
        point: Describes the network.
        classes: Number of classes.

    Raises:
        InputError: If the network cannot be built.
    """

    def __init__(self, trunk: Trunk, point: Hyperparameters, classes: int) -> None:
        self._trunk = trunk
        self._phases: dict[Any, Phase] = {}
        self._nodes: list[Node] = []
        with trunk.noting(self._nodes):
            self.network = build_network(point, classes, trunk.inputs)
        self.kept = kept_weights(self.network)
        self.trained_params = _count(self.network.model.trainable_variables)
        self.augment = augmentation(point)
        self._heads = self.network.head_layers
        trunk.flags = None

    def examples_at(self, split: Cut, images: Images, dtype: FeatureDtype) -> Examples:
        """Inputs of the part above a cut of its network for these images."""
        return self._trunk.examples_at(split, images, dtype)

    @property
    def size(self) -> int:
        """Bytes that it needs besides the trunk: the head's weights and the optimizer's."""
        head = [weight for layer in self._heads for weight in layer.weights]
        return 4 * (_count(head) + 3 * self.trained_params)

    def begin(self, point: Hyperparameters, seed: int) -> Network:
        """A network for a training from the start, whatever was trained before.

        Args:
            point: Of this one's shape.
            seed: Of weights and dropout.
        """
        network = Network(point, self.network.model)
        initialise(self._heads, seed)
        self._trunk.begin(seed, self.kept)
        reseed(network.model, seed)
        network.adjust_dropout()
        if self.augment is not None:
            self.augment.adjust(point)
        return network

    def enter(
        self,
        point: Hyperparameters,
        is_head_phase: bool,
        priors: np.ndarray,
        accumulate: int,
        kept: Collection[str] | None,
        dtype: FeatureDtype = "float32",
    ) -> Phase:
        """Thaw what a phase trains, and reset its optimizer.

        Args:
            point: Of this one's shape.
            is_head_phase: Whether the head alone is trained.
            priors: float64 (classes,), the share of each class in the training set.
            accumulate: Parts in which a batch is computed.
            kept: Names of boundaries whose features are stored; None: all that are worth it.
            dtype: What features are stored as.
        """
        self._thaw(is_head_phase)
        key = is_head_phase, accumulate, None if kept is None else frozenset(kept), dtype
        if key not in self._phases:
            with self._trunk.noting(self._nodes):
                self._phases[key] = self._phase(point, accumulate, kept, dtype)
        loop = self._phases[key].loop
        loop.adjust(
            point.batch_size,
            point.label_smoothing,
            _class_weights(point, priors),
            point.output_activation,
            point.focal_gamma or 0.0,
            (point.logit_adjustment or 0.0) * np.log(priors),
        )
        loop.optimizer.adjust(point)
        loop.optimizer.reset()
        return self._phases[key]

    def close(self) -> None:
        """Detach its graphs from the trunk."""
        forget(self._nodes)
        self._nodes = []

    def _thaw(self, is_head_phase: bool) -> None:
        if self._trunk.flags != (id(self), is_head_phase):
            if is_head_phase:
                self.network.freeze_backbone()
            else:
                self.network.thaw()
            freeze_dropout(self.network.model)
        self._trunk.flags = id(self), is_head_phase

    def _phase(
        self,
        point: Hyperparameters,
        accumulate: int,
        kept: Collection[str] | None,
        dtype: FeatureDtype,
    ) -> Phase:
        model = self.network.model
        # Replicas may have different numbers of parts, so none can wait for the others.
        share_statistics(model, tf.distribute.has_strategy() and accumulate == 1)
        if point.views == 0:
            split = Cut(PIXELS, None, model)
        else:
            split = cut(model, worth_storing(model, dtype) if kept is None else kept)
        decays_by_layer = point.layer_decay not in (None, 1)
        optimizer = optimizer_of(point, blocks_below_the_head(model) if decays_by_layer else None)
        above, below = split.above, None
        if any(getattr(point, name) for name in FEATURE_AUGMENTATION):
            # Features change at the same place wherever the stored ones end.
            above, below = _above_the_boundary(model, split)
        loop = Loop(
            above,
            optimizer,
            point.loss,
            self.augment,
            accumulate,
            below,
            adjusts_logits=bool(point.logit_adjustment),
        )
        return Phase(split, loop)


def _above_the_boundary(model: keras.Model, split: Cut) -> tuple[keras.Model, keras.Model | None]:
    """The part above the highest cut, and what lies between a lower cut and that one."""
    highest = cut(model)
    if highest.below is None or highest.name == split.name:
        return split.above, None
    start = model.input if split.below is None else split.below.output
    return highest.above, keras.Model(start, highest.below.output)


def _class_weights(point: Hyperparameters, priors: np.ndarray) -> np.ndarray:
    """Weight of an example of each class, float32 (classes,): rare classes weigh more."""
    if point.class_weights == "none":
        return np.ones(len(priors), np.float32)
    return (1 / (len(priors) * priors)).astype(np.float32)


def _count(variables: list[keras.Variable]) -> int:
    return sum(math.prod(variable.shape) for variable in variables)
