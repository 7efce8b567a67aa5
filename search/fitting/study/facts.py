"""What a study is written from: the dataset as the preflight found it, and the machine's speed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from trainables.datasets.preflight.image_sizes import QUANTILES
from trainables.datasets.preflight.record import Preflight

_GREY = ("1", "L", "LA", "I;16", "I")
_MOSTLY = 0.95
"""Share of images of one kind that makes a dataset one of that kind."""


@dataclass(frozen=True)
class DataFacts:
    """A dataset, as far as the choice of a study depends on it.

    Attributes:
        train, validation, test: Number of images in each set.
        classes: Number of classes.
        imbalance: Images of the largest class for each one of the smallest, in training.
        side: Median of the images' shorter sides, in pixels.
        is_grey: Whether almost all images are stored without colour.
        is_one_size: Whether all images have the same size.
        skipped: Number of images that cannot be decoded and are left out.
    """

    train: int
    validation: int
    test: int
    classes: int
    imbalance: float
    side: int
    is_grey: bool = False
    is_one_size: bool = False
    skipped: int = 0

    @property
    def seen(self) -> int:
        """Images that a search reads."""
        return self.train + self.validation

    @classmethod
    def of(cls, found: Preflight) -> DataFacts:
        """The facts of a preflight."""
        train, validation, test = (sum(found.counts[name]) for name in found.counts)
        there = [count for count in found.counts["train"] if count]
        middle = QUANTILES.index(0.5)
        modes = found.sizes.modes
        grey = sum(count for mode, count in modes.items() if mode in _GREY)
        return cls(
            train,
            validation,
            test,
            len(found.class_names),
            max(there) / min(there),
            min(found.sizes.widths[middle], found.sizes.heights[middle]),
            bool(modes) and grey >= _MOSTLY * sum(modes.values()),
            found.sizes.distinct == 1,
            found.skipped,
        )

    @property
    def in_words(self) -> str:
        """A line for the head of a study."""
        kind = "grey " if self.is_grey else ""
        size = "all" if self.is_one_size else "in the median"
        left_out = f"; {self.skipped:,} that cannot be decoded are left out" if self.skipped else ""
        return (
            f"{self.train:,} {kind}images to train on, {self.validation:,} to validate and "
            f"{self.test:,} to test, in {self.classes:,} classes; shorter side {self.side:,} "
            f"pixels {size}; the largest class has {self.imbalance:.1f} times as many images as "
            f"the smallest{left_out}"
        )


@dataclass(frozen=True)
class Probe:
    """What a probe of one backbone found.

    Attributes:
        backbone: Its name.
        image_size: Pixels a side.
        accuracy: Validation accuracy of a ridge classifier on its features; None if it was not
            probed.
        above: Share of the backbone's work above the boundary, by unfrozen depth.
    """

    backbone: str
    image_size: int
    accuracy: float | None
    above: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Machine:
    """What trials run on.

    Attributes:
        workers: Trials that run at the same time.
        gpus: Number of GPUs.
        pixel_seconds: Seconds of one worker for one pixel through EfficientNet-Lite0.
        slowness: How much longer processes take to start than where `costs` was measured.
    """

    workers: int
    gpus: int
    pixel_seconds: float
    slowness: float = 1.0

    def forward_seconds(self, work: float, size: int) -> float:
        """Seconds of one worker for one image.

        Args:
            work: Of the backbone for each pixel, relative to EfficientNet-Lite0.
            size: Pixels a side.
        """
        return self.pixel_seconds * work * size**2
