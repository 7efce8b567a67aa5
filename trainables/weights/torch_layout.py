"""Converting weights from PyTorch's layout to Keras's, layer by layer.

PyTorch puts output channels first (out, in, h, w) and Keras last (h, w, in, out); a depthwise
kernel is (channels, 1, h, w) in PyTorch and (h, w, channels, 1) in Keras.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from spaces.errors import WeightsError

Kind = Literal[
    "convolution",
    "depthwise",
    "dense",
    "flattened_dense",
    "batch_norm",
    "layer_norm",
    "scale",
    "patches",
]

_AXES: dict[Kind, tuple[int, ...]] = {
    "convolution": (2, 3, 1, 0),
    "depthwise": (2, 3, 0, 1),
    "dense": (1, 0),
    "flattened_dense": (2, 3, 1, 0),
    "patches": (2, 3, 1, 0),
}


@dataclass(frozen=True)
class TorchLayer:
    """The place of one Keras layer's weights in a state dict.

    Attributes:
        name: Name of the Keras layer.
        key: Prefix of PyTorch's names, as in `<key>.weight`.
        kind: Kind of layer. A `flattened_dense` layer comes right after images are flattened; a
            `scale` has `<key>.gamma` alone; `patches` is a convolution of PyTorch's that is a dense
            layer of flattened patches here.
        shape: Shape of PyTorch's weight; for `flattened_dense` (out, c, h, w), which PyTorch stores
            as (out, c * h * w).
        bias: Whether it has a bias, of `shape[0]` numbers; norms always have one, and `patches` has
            a table of them.
        tokens: Rows of that table.
    """

    name: str
    key: str
    kind: Kind
    shape: tuple[int, ...]
    bias: bool = False
    tokens: int = 0

    def stored(self) -> dict[str, tuple[int, ...]]:
        """The shapes of PyTorch's arrays by name, in the order of the Keras layer's `.weights`."""
        if self.kind == "batch_norm":
            parts = ("weight", "bias", "running_mean", "running_var")
            return {f"{self.key}.{part}": self.shape for part in parts}
        if self.kind == "layer_norm":
            return {f"{self.key}.{part}": self.shape for part in ("weight", "bias")}
        if self.kind == "scale":
            return {f"{self.key}.gamma": self.shape}
        flat = (self.shape[0], int(np.prod(self.shape[1:])))
        weight = flat if self.kind == "flattened_dense" else self.shape
        shapes: dict[str, tuple[int, ...]] = {f"{self.key}.weight": weight}
        if self.kind == "patches":
            shapes[f"{self.key}.bias"] = (self.tokens, self.shape[0])
        elif self.bias:
            shapes[f"{self.key}.bias"] = self.shape[:1]
        return shapes

    def arrays(self, state: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """This layer's float32 arrays in the order of the Keras layer's `.weights`."""
        first, *others = (np.asarray(state[name], np.float32) for name in self.stored())
        if self.kind in _AXES:
            first = first.reshape(self.shape).transpose(_AXES[self.kind])
        if self.kind in ("flattened_dense", "patches"):
            # PyTorch flattens (c, h, w) and Keras (h, w, c): the rows are reordered accordingly.
            first = first.reshape(-1, self.shape[0])
        return [np.ascontiguousarray(first), *others]


@dataclass(frozen=True)
class TorchNetwork:
    """The places of all of a network's weights in a state dict.

    Attributes:
        name: Its name, for messages.
        layers: Every layer with weights, except the classifier.
        classifier_key: Prefix of the names of the last dense layer.
        features: Width of that layer's input.
    """

    name: str
    layers: tuple[TorchLayer, ...]
    classifier_key: str
    features: int

    def convert(self, state: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
        """Converts a state dict into weights of Keras layers.

        Args:
            state: As `read_state_dict` reads it, with or without the classifier.

        Returns:
            For each layer but the classifier, by name, arrays in the order of its `.weights`.

        Raises:
            WeightsError: Keys are missing or unknown, or shapes differ; names all of them.
        """
        return self._converted(state, self.layers)

    def classifier(self, state: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """The kernel (features, classes) and bias (classes,) of the last dense layer, float32.

        Raises:
            WeightsError: They are missing or their shapes differ.
        """
        weight, bias = f"{self.classifier_key}.weight", f"{self.classifier_key}.bias"
        missing = [f"{name} is missing" for name in (weight, bias) if name not in state]
        if missing:
            raise self._misfit(missing)
        shape = (state[bias].size, self.features)
        layer = TorchLayer("classifier", self.classifier_key, "dense", shape, bias=True)
        found = {weight: state[weight], bias: state[bias]}
        return self._converted(found, (layer,))["classifier"]

    def _converted(
        self, state: Mapping[str, np.ndarray], layers: tuple[TorchLayer, ...]
    ) -> dict[str, list[np.ndarray]]:
        expected = {name: shape for layer in layers for name, shape in layer.stored().items()}
        problems = [f"{name} is missing" for name in expected if name not in state]
        problems += [
            f"{name} has shape {state[name].shape}, expected {shape}"
            for name, shape in expected.items()
            if name in state and state[name].shape != shape
        ]
        # A deeper network of the same family has all expected keys, and more.
        problems += [
            f"{name} is not of this network"
            for name in state
            if name not in expected
            and not name.startswith(f"{self.classifier_key}.")
            and not name.endswith(".num_batches_tracked")
        ]
        if problems:
            raise self._misfit(problems)
        return {layer.name: layer.arrays(state) for layer in layers}

    def _misfit(self, problems: list[str]) -> WeightsError:
        more = f"; and {len(problems) - 5} more" * (len(problems) > 5)
        return WeightsError(
            f"the weights are not those of {self.name}: {'; '.join(problems[:5])}{more}; give a "
            f"state dict of {self.name}"
        )
