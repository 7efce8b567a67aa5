"""McNemar's exact test of two models on the same images, and Holm's correction for several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

LEVEL = 0.05


@dataclass(frozen=True)
class McNemar:
    """Which of two models is right where the other is not.

    Attributes:
        only_first: Images that the first model alone has right (b).
        only_second: Images that the second model alone has right (c).
        p: Two-sided probability of so uneven a split, or a more uneven one, if both were equally
            good.
    """

    only_first: int
    only_second: int
    p: float


def mcnemar(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> McNemar:
    """Compare two models (McNemar, Psychometrika 1947), exactly, by the binomial distribution.

    Args:
        first, second: Whether each image was classified rightly, of the same images in the same
            order, shape (images,).

    Raises:
        ValueError: If they are not of as many images.
    """
    if first.shape != second.shape:
        raise ValueError(f"{first.shape} and {second.shape}: must be of the same images")
    b, c = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    return McNemar(b, c, float(binomtest(b, b + c).pvalue) if b + c else 1.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected p-values, in the order given (Holm, Scandinavian Journal of Statistics 1979).

    The smallest of m is multiplied by m, the next by m − 1, and so on; none falls below one that
    came before it, and none exceeds 1.
    """
    m = len(p_values)
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, dtype=np.float64)[order] * np.arange(m, 0, -1)
    corrected = np.empty(m)
    corrected[order] = np.minimum(1, np.maximum.accumulate(scaled))
    return corrected.tolist()
