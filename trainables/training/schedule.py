"""The learning rate of every update, and when to stop early."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spaces.hyperparameters import Hyperparameters


@dataclass
class Schedule:
    """Learning rates of one training, from its configuration and what it has seen.

    Attributes:
        point: Says how the learning rate decays and when to stop early.
        best_loss: Lowest validation loss so far in this phase: the frozen or the thawed one.
        epochs_since_best: Epochs since then.
        drops: Times that the plateau decay has lowered the learning rate in this phase.
        epochs_since_drop: Epochs without a better loss since the last drop.
    """

    point: Hyperparameters
    best_loss: float = float("inf")
    epochs_since_best: int = 0
    drops: int = 0
    epochs_since_drop: int = 0

    def rates(self, epoch: int, steps: int) -> np.ndarray:
        """Learning rate of each update of an epoch.

        Args:
            epoch: From 1.
            steps: Updates in an epoch.

        Returns:
            float32 (steps,).
        """
        point = self.point
        updates = (epoch - 1) * steps + np.arange(steps)
        start = point.learning_rate
        if point.thaw_learning_rate is not None and epoch > (point.head_epochs or 0):
            start = point.thaw_learning_rate
        factor = point.decay_factor or 1.0
        match point.decay:
            case "time":
                decay = 1 / (1 + (point.decay_rate or 0) * updates)
            case "step":
                decay = factor ** np.full(steps, (epoch - 1) // (point.decay_epochs or 1))
            case "exponential":
                decay = factor ** (updates / steps)
            case "cosine":
                floor = point.decay_floor or 0
                half = (1 + np.cos(np.pi * updates / (steps * point.epochs))) / 2
                decay = floor + (1 - floor) * half
            case "plateau":
                decay = factor ** np.full(steps, self.drops)
            case "none":
                decay = np.ones(steps)
        return (start * decay).astype(np.float32)

    def observe(self, epoch: int, loss: float) -> None:
        """Take note of an epoch's validation loss; the last epoch before the thaw clears all notes.

        Args:
            epoch: From 1.
            loss: After it.
        """
        if epoch == self.point.head_epochs:
            self.best_loss = float("inf")
            self.epochs_since_best = self.drops = self.epochs_since_drop = 0
            return
        if loss < self.best_loss:
            self.best_loss, self.epochs_since_best, self.epochs_since_drop = loss, 0, 0
            return
        self.epochs_since_best += 1
        self.epochs_since_drop += 1
        patience = self.point.decay_patience
        if patience is not None and self.epochs_since_drop >= patience:
            self.drops += 1
            self.epochs_since_drop = 0

    def stops_early(self, epoch: int) -> bool:
        """Whether the patience has run out after an epoch; never before the thaw."""
        is_thawed = epoch > (self.point.head_epochs or 0)
        return is_thawed and 0 < self.point.early_stopping <= self.epochs_since_best

    def state(self) -> np.ndarray:
        """What `restore` needs: float64 (4,)."""
        return np.array(
            [self.best_loss, self.epochs_since_best, self.drops, self.epochs_since_drop], np.float64
        )

    def restore(self, state: np.ndarray) -> None:
        """Resume from a `state`."""
        self.best_loss = float(state[0])
        self.epochs_since_best, self.drops, self.epochs_since_drop = (int(v) for v in state[1:])
