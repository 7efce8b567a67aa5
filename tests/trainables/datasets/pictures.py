"""Small pictures, and files of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, width: int = 48, height: int = 40) -> np.ndarray:
    """A smooth picture, uint8 (height, width, 3); each seed gives another."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return np.asarray(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


def encoded(pixels: np.ndarray | Image.Image, format_: str = "JPEG", **options) -> bytes:
    """A picture as the bytes of a file."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()


def write(path: Path, content: bytes) -> Path:
    """Write a file and the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def class_folders(root: Path, classes: int = 3, images: int = 10, first: int = 0) -> Path:
    """Class folders class_0, class_1, ... of JPEG files."""
    for label in range(classes):
        for number in range(images):
            seed = first + label * 1000 + number
            write(root / f"class_{label}" / f"{number}.jpg", encoded(picture(seed)))
    return root
