"""The batch of a fine-tuning and the learning rate that goes with it: one stated rule."""

from __future__ import annotations

import dataclasses
import math

from spaces.errors import InputError
from spaces.hyperparameters import Hyperparameters

UNSCALED = (
    "the global batch is the winner's, split over the workers, so the learning rate is the "
    "winner's too"
)


def with_batch(point: Hyperparameters, batch: int | None) -> tuple[Hyperparameters, str]:
    """The winner with another global batch, its learning rates scaled, and the rule in words.

    In proportion to the batch with SGD (Goyal et al. 2017, https://arxiv.org/abs/1706.02677), by
    its square root with Adam (Malladi et al. 2022, https://arxiv.org/abs/2205.10782).

    Args:
        point: The winner's.
        batch: Images in an update, over all workers; None leaves the winner's.

    Raises:
        InputError: If there is no image in a batch.
    """
    if batch is None or batch == point.batch_size:
        return point, UNSCALED
    if batch < 1:
        raise InputError(f"A batch of {batch} images is none. Give --batch 1 or more.")
    times = batch / point.batch_size
    is_sgd = point.optimizer == "sgd"
    factor = times if is_sgd else math.sqrt(times)
    thawed = point.thaw_learning_rate
    scaled = dataclasses.replace(
        point,
        batch_size=batch,
        learning_rate=point.learning_rate * factor,
        thaw_learning_rate=None if thawed is None else thawed * factor,
    )
    how = "in proportion" if is_sgd else "by the square root"
    return scaled, (
        f"the global batch is {times:g} times the winner's, so the learning rate is {factor:.4g} "
        f"times the winner's: {how}, as {'SGD' if is_sgd else 'Adam'} has it"
    )


def check_workers(workers: int, batch: int) -> None:
    """Refuse what cannot be split.

    Raises:
        InputError: If there is no worker, or one that would have no image of a batch.
    """
    if workers < 1:
        raise InputError(f"{workers} workers cannot train. Give --workers 1 or more.")
    if workers > batch:
        raise InputError(
            f"{workers} workers cannot share a batch of {batch} images: each needs one. "
            f"Give --workers {batch} at the most, or a larger --batch."
        )
