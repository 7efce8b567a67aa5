"""The work of a network up to each layer, and which cuts are worth storing without a plan."""

from __future__ import annotations

import math

import keras
import numpy as np

from spaces.studies.study import FeatureDtype
from trainables.networks.cut import cuts
from trainables.networks.multiply_adds import multiply_adds
from trainables.process.gpu import usable_memory

_WORK_OF_AN_OUTPUT = 40
"""Multiply-adds that take as long as moving one value of a layer's output."""

_WORK_OF_A_BYTE = {"CPU": 100, "GPU": 10_000}
"""Multiply-adds that take as long as writing a byte and reading it in some epochs, as a rule.

A core makes some 10 billion a second, a GPU thousands of billions; a disk moves 100 million bytes
to a billion. No time is measured, so that all workers of a training cut their network alike.
"""


def worth_storing(model: keras.Model, dtype: FeatureDtype = "float32") -> frozenset[str]:
    """Names of the cuts whose activations cost less to store than to compute in every epoch.

    Where no plan weighs a cut for all trials together, this keeps wide activations near the pixels
    from being stored.

    Args:
        model: Pixels to logits.
        dtype: What they are stored as.
    """
    work = work_up_to(model)
    least = _WORK_OF_A_BYTE["CPU" if usable_memory() is None else "GPU"]
    least *= np.dtype(dtype).itemsize
    return frozenset(
        operation.name
        for operation in cuts(model)
        if work[operation.name] >= least * _values(operation)
    )


def work_up_to(model: keras.Model) -> dict[str, float]:
    """Work of one image from the pixels up to and including each operation, by its name.

    It is 0 below the first weights: a cut there is no better than the pixels.
    """
    work, total, has_weights = {}, 0.0, False
    for operation in model.operations:
        has_weights |= bool(getattr(operation, "weights", ()))
        total += _work(operation)
        work[operation.name] = total if has_weights else 0.0
    return work


def _work(operation: keras.Operation) -> float:
    return multiply_adds(operation) + _WORK_OF_AN_OUTPUT * _values(operation)


def _values(operation: keras.Operation) -> int:
    """Values of one image in all outputs: attention has operations with several."""
    return sum(math.prod(output.shape[1:]) for output in keras.tree.flatten(operation.output))
