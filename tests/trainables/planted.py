"""Noise with one object in it, somewhere, whose kind is the class: what Grad-CAM has to find."""

from __future__ import annotations

import hashlib

import numpy as np

from trainables.datasets.rows.images import Images

KINDS = 3


def planted(count: int, size: int, seed: int) -> tuple[Images, np.ndarray]:
    """Images, and where the object is in each: bool (count, size, size), 1/16 of the area."""
    chance = np.random.default_rng(seed)
    objects = _objects(size // 4)
    side = size // 4
    labels = (np.arange(count) % KINDS).astype(np.int32)
    pixels = chance.normal(110, 12, (count, size, size, 3)).clip(0, 255)
    places = np.zeros((count, size, size), bool)
    for image, place, label in zip(pixels, places, labels, strict=True):
        top, left = chance.integers(0, size - side, 2)
        image[top : top + side, left : left + side] = objects[label]
        place[top : top + side, left : left + side] = True
    shown = pixels.astype(np.uint8)
    return Images(shown, labels, hashlib.sha256(shown.tobytes()).hexdigest()), places


def _objects(side: int) -> list[np.ndarray]:
    """Yellow squares, blue rings, pink stripes."""
    rows, columns = np.indices((side, side))
    cell = max(2, side // 6)
    squares = (rows // cell + columns // cell) % 2
    rings = np.hypot(rows - side / 2, columns - side / 2) // cell % 2
    stripes = (rows + columns) // cell % 2
    colours = ((235, 200, 20), (20, 80, 235), (230, 40, 180))
    return [
        20 + pattern[..., np.newaxis] * np.array(colour)
        for pattern, colour in zip((squares, rings, stripes), colours, strict=True)
    ]
