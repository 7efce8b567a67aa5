"""What one trial reported at one epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

KINDS = ("start", "data", "features", "train", "evaluate", "checkpoint")
"""What the seconds of a trial are spent on."""

VALIDATION = ("val_loss", "val_accuracy", "val_balanced_accuracy", "val_macro_f1", "val_auc")
"""What is measured on the validation set."""


@dataclass(frozen=True)
class Measurement:
    """One epoch of one trial.

    Attributes:
        epoch: From 1.
        train_loss, train_accuracy: Mean over the epoch's training images, while they were trained
            on, by the loss that the configuration trains with.
        val_loss, val_accuracy: Mean over the validation set after the epoch. The loss is the same
            quantity for all configurations: -log of the probability given to the right class.
        val_balanced_accuracy, val_macro_f1: Of the validation set (see
            `spaces.metrics`); None in older ledgers.
        val_auc: Area under the ROC curve; None unless it is the study's objective.
        learning_rate: Of the epoch's last update.
        seconds: Wall time since the measurement before, by kind (see `KINDS`).
    """

    epoch: int
    train_loss: float
    train_accuracy: float
    val_loss: float
    val_accuracy: float
    learning_rate: float
    seconds: Mapping[str, float]
    val_balanced_accuracy: float | None = None
    val_macro_f1: float | None = None
    val_auc: float | None = None

    def __post_init__(self) -> None:
        if self.epoch < 1:
            raise ValueError(f"epoch is {self.epoch}, must be 1 or more")
        if unknown := set(self.seconds) - set(KINDS):
            raise ValueError(f"seconds has {sorted(unknown)}, must be among {KINDS}")

    @property
    def is_finite(self) -> bool:
        """Whether the network can still be judged."""
        return math.isfinite(self.train_loss) and math.isfinite(self.val_loss)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, as they are written to files."""
        return vars(self) | {"seconds": dict(self.seconds)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Measurement:
        """Read what `to_dict` wrote."""
        return cls(**values)
