"""A contact sheet: random images of a dataset in a grid, each with its class name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from trainables.datasets.manifest.index import Index

_MARGIN, _CAPTION, _TEXT_SIZE = 6, 18, 13
_GROUND, _INK = "white", "black"


def random_positions(positions: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """At most `count` of these positions at random, ascending."""
    generator = np.random.default_rng(seed)
    chosen = generator.choice(positions, min(count, len(positions)), replace=False)
    return np.sort(chosen)


def contact_sheet(
    index: Index, positions: Sequence[int] | np.ndarray, tile: int = 128, columns: int = 8
) -> Image.Image:
    """Draw these images, each fitted into a square of `tile` pixels, its class name below.

    Small images are enlarged by whole factors, so that their pixels stay visible.

    Raises:
        DataError: If one cannot be decoded.
    """
    columns = max(1, min(columns, len(positions)))
    rows = max(1, -(-len(positions) // columns))
    wide, high = tile + _MARGIN, tile + _CAPTION + _MARGIN
    sheet = Image.new("RGB", (_MARGIN + columns * wide, _MARGIN + rows * high), _GROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(_TEXT_SIZE)
    for number, position in enumerate(positions):
        x, y = _MARGIN + number % columns * wide, _MARGIN + number // columns * high
        picture = _fitted(Image.fromarray(index.read(int(position))), tile)
        sheet.paste(picture, (x + (tile - picture.width) // 2, y + (tile - picture.height) // 2))
        name = _shortened(index.class_names[index.labels[position]], font, tile)
        draw.text((x + tile / 2, y + tile + _CAPTION / 2), name, _INK, font, anchor="mm")
    return sheet


def _fitted(image: Image.Image, tile: int) -> Image.Image:
    factor = tile // max(image.size)
    if factor >= 2:
        size = (image.width * factor, image.height * factor)
        return image.resize(size, Image.Resampling.NEAREST)
    return ImageOps.contain(image, (tile, tile), Image.Resampling.BICUBIC)


def _shortened(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """The text, or as much of its beginning as fits."""
    if font.getbbox(text)[2] <= width:
        return text
    while text and font.getbbox(f"{text}…")[2] > width:
        text = text[:-1]
    return f"{text}…"
