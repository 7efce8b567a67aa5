"""How a picture becomes a square: squashed, cropped or padded; and from what crops are cut."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps

from spaces.hyperparameters import Hyperparameters
from trainables.datasets.files.decoding import upright_size
from trainables.datasets.files.threads import in_threads
from trainables.datasets.manifest.index import Index

CROPPED_FROM = 1.5
"""Side of the stored pixels that random crops are cut from, in sides of the network's input.

A window of 4/9 of the area then has a stored pixel for each pixel of the input.
"""


@dataclass(frozen=True)
class Square:
    """The square that each picture of a set becomes.

    Attributes:
        size: Side in pixels.
        resize: As in `Hyperparameters.resize`.
        has_aspects: Whether the shape of each whole picture is kept beside its pixels.
    """

    size: int
    resize: str = "squash"
    has_aspects: bool = False

    @classmethod
    def of(cls, point: Hyperparameters) -> Square:
        """What the network of a configuration takes."""
        return cls(point.image_size, point.resize)

    @classmethod
    def for_training(cls, point: Hyperparameters) -> Square:
        """What a configuration trains on: larger where it draws random crops of whole pictures."""
        if point.crop_scale:
            # Squashed, a square holds more of an elongated picture than padded.
            return cls(round(point.image_size * CROPPED_FROM), "squash", has_aspects=True)
        return cls.of(point)


def aspects(index: Index, positions: np.ndarray) -> np.ndarray:
    """Width divided by height of each upright picture, float32 (pictures,).

    Raises:
        DataError: If a picture's header cannot be read.
    """

    if index.sizes is not None:
        widths, heights = index.sizes[positions].astype(np.float64).T
        return (widths / heights).astype(np.float32)

    def aspect(position: int) -> float:
        if index.open is None:
            height, width = index.read(position).shape[:2]
        else:
            with index.open(position) as file:
                width, height = upright_size(file, index.keys[position])
        return width / height

    return np.array(list(in_threads(aspect, positions.tolist())), np.float32)


def resize(image: np.ndarray, size: int, how: str = "squash") -> np.ndarray:
    """Resize a uint8 (height, width, 3) image to (size, size, 3), bicubic.

    Args:
        image: RGB.
        size: Side of the square, in pixels.
        how: As in `Hyperparameters.resize`.
    """
    picture, square, bicubic = Image.fromarray(image), (size, size), Image.Resampling.BICUBIC
    if how == "crop":
        return np.asarray(ImageOps.fit(picture, square, bicubic))
    if how == "pad":
        return np.asarray(ImageOps.pad(picture, square, bicubic))
    return np.asarray(picture.resize(square, bicubic))
