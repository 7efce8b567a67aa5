"""Made-up photos: class folders of JPEGs that a program draws, as many as wanted.

Each has colours of its own, so that no two look alike, beneath a texture of its class.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES, SIDE = 20, 224
_FIELD = 9
"""Patches of colour a side; perceptual hashes compare about as many."""

_QUALITY = 50
_AT_ONCE = 500


def write_photos(folder: Path, count: int, classes: int = CLASSES, side: int = SIDE) -> None:
    """Write photos into class folders; those that are there already are left as they are.

    Args:
        folder: Of the dataset.
        count: Photos in all.
        classes: They come in turn.
        side: Pixels a side.
    """
    for label in range(classes):
        (folder / _class(label)).mkdir(parents=True, exist_ok=True)
    write = partial(_write, folder, count, classes, side)
    with ProcessPoolExecutor() as pool:
        for _ in pool.map(write, range(0, count, _AT_ONCE)):
            pass


def photo(number: int, label: int, side: int = SIDE) -> Image.Image:
    """The photo of this number, of a class: the same one each time."""
    chance = np.random.default_rng(number)
    colours = Image.fromarray(chance.integers(0, 256, (_FIELD, _FIELD, 3), np.uint8))
    return Image.blend(
        colours.resize((side, side), Image.Resampling.BICUBIC), _texture(label, side), 0.4
    )


def _write(folder: Path, count: int, classes: int, side: int, first: int) -> None:
    for number, path in _files(folder, range(first, min(count, first + _AT_ONCE)), classes):
        if not path.exists():
            photo(number, number % classes, side).save(path, "JPEG", quality=_QUALITY)


def _files(folder: Path, numbers: range, classes: int) -> Iterator[tuple[int, Path]]:
    for number in numbers:
        yield number, folder / _class(number % classes) / f"{number:07d}.jpg"


def _class(label: int) -> str:
    return f"class_{label:05d}"


@cache
def _texture(label: int, side: int) -> Image.Image:
    """Waves whose length and direction are those of the class."""
    chance = np.random.default_rng((1, label))
    angle, length = chance.uniform(0, np.pi), chance.uniform(0.03, 0.2)
    y, x = np.mgrid[0:side, 0:side] / side
    waves = np.sin(2 * np.pi * (x * np.cos(angle) + y * np.sin(angle)) / length)
    grey = np.uint8(127.5 + 127.5 * waves)
    return Image.fromarray(np.repeat(grey[..., None], 3, axis=-1))
