"""The space that all tools search: a head on frozen features, trained with Adam."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

LEARNING_RATES = (1e-4, 3e-2)
"""Lowest and highest, searched by their logarithm."""

DROPOUTS = (0.0, 0.5)
UNITS = (0, 64, 128, 256)
"""Width of the hidden layer; 0 is none."""

BATCH_SIZES = (32, 64, 128)


@dataclass(frozen=True)
class Configuration:
    """What one trial is trained with.

    Attributes:
        learning_rate: Of Adam, the same in every update.
        dropout: Share of units dropped before the last layer.
        units: Width of the hidden layer, 0 for none.
        batch_size: Images in an update.
    """

    learning_rate: float
    dropout: float
    units: int
    batch_size: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Configuration:
        """Read what `to_dict` wrote; other keys are passed over."""
        return cls(
            float(values["learning_rate"]),
            float(values["dropout"]),
            int(values["units"]),
            int(values["batch_size"]),
        )

    def slower(self, factor: float) -> Configuration:
        """The same with a lower learning rate, as layers of a backbone need it."""
        return replace(self, learning_rate=self.learning_rate * factor)

    def updates(self, images: int, epochs: int) -> int:
        """How often the weights are updated in so many epochs."""
        return epochs * math.ceil(images / self.batch_size)


def draw(chance: np.random.Generator) -> Configuration:
    """A random point of the space, its real numbers rounded to be readable."""
    low, high = map(math.log10, LEARNING_RATES)
    return Configuration(
        learning_rate=float(f"{10 ** chance.uniform(low, high):.3g}"),
        dropout=round(float(chance.uniform(*DROPOUTS)), 3),
        units=int(chance.choice(UNITS)),
        batch_size=int(chance.choice(BATCH_SIZES)),
    )
