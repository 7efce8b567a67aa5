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
        best: Lowest so far in this phase of what early stopping watches.
        epochs_since_best: Epochs since then.
        drops: Times that the plateau decay has lowered the learning rate in this phase.
        epochs_since_drop: Epochs without a better loss since the last drop.
    """

    point: Hyperparameters
    best_loss: float = float("inf")
    epochs_since_best: int = 0
    drops: int = 0
    epochs_since_drop: int = 0
    best: float = float("inf")

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
        if point.warmup:
            decay *= self._warmup(epoch, steps)
        return (start * decay).astype(np.float32)

    def _warmup(self, epoch: int, steps: int) -> np.ndarray:
        """Share of its learning rate that each update of an epoch has: i / m for the i-th of m."""
        first, last = 0, self.point.head_epochs or 0
        if epoch > last:
            first, last = last, self.point.epochs
        most = self.point.warmup * (last - first) * steps
        updates = (epoch - 1 - first) * steps + np.arange(1, steps + 1)
        return np.minimum(1, updates / max(most, 1))

    def observe(self, epoch: int, loss: float, watched: float | None = None) -> None:
        """Take note of an epoch's validation; the last epoch before the thaw clears all notes.

        Args:
            epoch: From 1.
            loss: After it, for the plateau decay.
            watched: What early stopping watches, the lower the better; None is the loss.
        """
        watched = loss if watched is None else watched
        if epoch == self.point.head_epochs:
            self.best_loss = self.best = float("inf")
            self.epochs_since_best = self.drops = self.epochs_since_drop = 0
            return
        self.epochs_since_best = 0 if watched < self.best else self.epochs_since_best + 1
        self.best = min(self.best, watched)
        if loss < self.best_loss:
            self.best_loss, self.epochs_since_drop = loss, 0
            return
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
        """What `restore` needs: float64 (5,)."""
        counts = (self.epochs_since_best, self.drops, self.epochs_since_drop)
        return np.array([self.best_loss, *counts, self.best], np.float64)

    def restore(self, state: np.ndarray) -> None:
        """Resume from a `state`; those of thawtune 0.1 watch the loss alone."""
        self.best_loss, self.best = float(state[0]), float(state[-1 if len(state) > 4 else 0])
        self.epochs_since_best, self.drops, self.epochs_since_drop = (int(v) for v in state[1:4])
