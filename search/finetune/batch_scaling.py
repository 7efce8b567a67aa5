"""The batch size of a fine-tuning, and the rule that scales the learning rate with it."""

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
    """The winner with another global batch size and scaled learning rates, and the rule in words.

    Learning rates scale linearly with the batch size with SGD (Goyal et al. 2017,
    https://arxiv.org/abs/1706.02677), and by its square root with Adam (Malladi et al. 2022,
    https://arxiv.org/abs/2205.10782).

    Args:
        point: The winner's hyperparameters.
        batch: Images per update over all workers; None keeps the winner's batch size.

    Raises:
        InputError: If the batch size is below 1.
    """
    if batch is None or batch == point.batch_size:
        return point, UNSCALED
    if batch < 1:
        raise InputError(f"A batch cannot have {batch} images. Give --batch 1 or more.")
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
    how = "scaled linearly" if is_sgd else "scaled by the square root"
    return scaled, (
        f"the global batch is {times:g} times the winner's, so the learning rate is {factor:.4g} "
        f"times the winner's: {how}, the rule for {'SGD' if is_sgd else 'Adam'}"
    )


def check_workers(workers: int, batch: int) -> None:
    """Refuse a number of workers that cannot share a batch.

    Raises:
        InputError: If there are no workers, or more workers than images in a batch.
    """
    if workers < 1:
        raise InputError(f"{workers} workers cannot train. Give --workers 1 or more.")
    if workers > batch:
        raise InputError(
            f"{workers} workers cannot share a batch of {batch} images: each needs one. "
            f"Give at most --workers {batch}, or a larger --batch."
        )
