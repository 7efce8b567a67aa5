"""Sizes, formats and colour modes of a dataset's images, counted."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from trainables.datasets.preflight.inspection import Inspection
from trainables.datasets.preflight.perceptual import SMALLEST

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)

_COMMONEST = 5


@dataclass(frozen=True)
class Sizes:
    """Sizes in pixels of upright images, and their kinds.

    Attributes:
        widths, heights: At each of `QUANTILES`.
        common: The most common sizes, (width, height, images) each, the most common first.
        distinct: Number of different sizes.
        formats: Number of images of each format; empty for plain pixels.
        modes: Number of images of each mode of Pillow's; empty for plain pixels.
    """

    widths: tuple[int, ...]
    heights: tuple[int, ...]
    common: tuple[tuple[int, int, int], ...]
    distinct: int
    formats: dict[str, int]
    modes: dict[str, int]

    @classmethod
    def of(cls, inspection: Inspection) -> Sizes:
        """Count an inspection of one or more images, all of which can be decoded."""

        def quantiles(values: np.ndarray) -> tuple[int, ...]:
            return tuple(int(v) for v in np.quantile(values, QUANTILES, method="nearest"))

        sizes = Counter(zip(inspection.widths.tolist(), inspection.heights.tolist(), strict=True))
        return cls(
            quantiles(inspection.widths),
            quantiles(inspection.heights),
            tuple((w, h, count) for (w, h), count in sizes.most_common(_COMMONEST)),
            len(sizes),
            dict(Counter(f for f in inspection.formats if f).most_common()),
            dict(Counter(m for m in inspection.modes if m).most_common()),
        )

    @property
    def in_words(self) -> str:
        """The size of all images, or their median size, as text."""
        middle = QUANTILES.index(0.5)
        text = f"{self.widths[middle]}×{self.heights[middle]} pixels"
        return text if self.distinct == 1 else f"{text} in the median"

    @property
    def are_compared(self) -> bool:
        """Whether any images are large enough to be searched for near duplicates."""
        return min(self.widths[-1], self.heights[-1]) >= SMALLEST

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self) | {"quantiles": list(QUANTILES)}
