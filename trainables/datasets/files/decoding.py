"""Decoding images to RGB.

Every image becomes 8-bit RGB, upright:
- EXIF orientation is applied.
- Transparency of any kind is composited on white.
- Grey is repeated, palettes are looked up, CMYK is converted without a colour profile.
- 16 bits a channel are scaled to 8, never clipped: the largest number is white, 65,535 unless the
  study says that fewer bits are used (`bits: 12`). Of colour with 16 bits a channel, Pillow reads
  the upper 8. Signed numbers and pixels of 32 bits, integer or floating-point, are refused: their
  range is not stated, and a guess would differ from image to image.
- The first frame of an animation and the first page of a file with several are taken.
- What a PNG says in words beside its pixels is not read, however long or damaged it is.

Not all damage can be detected: a JPEG or lossy WebP whose compressed data changed in the middle
decodes to other pixels without an error. PNG has checksums, which are verified.
"""

from __future__ import annotations

import struct
import sys
from typing import BinaryIO

import numpy as np
from PIL import Image

from trainables.datasets.files.headers import (
    BadImageError,
    PillowWarningsIgnored,
    damage,
    is_cut_to_8_bits,
    open_image,
)
from trainables.datasets.files.png_text import without_text

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""The transposition that undoes each EXIF orientation."""

_TURNING = [_UPRIGHT[orientation] for orientation in (5, 6, 7, 8)]
"""Those that exchange width and height."""


def decode(file: BinaryIO, name: str, max_pixels: int, bits: int = 16) -> np.ndarray:
    """Decode the image that `file` begins with: uint8 (height, width, 3), RGB.

    Args:
        file: Seekable, at its first byte.
        name: The image's key, for messages.
        max_pixels: Larger images are refused before they are decoded.
        bits: Bits that are used in images of 16 bits a channel.

    Raises:
        BadImageError: If it cannot be decoded completely.
    """
    try:
        return _decode(file, name, max_pixels, bits)
    except BadImageError:
        pixels = without_text(file)
        if pixels is None:
            raise
    return _decode(pixels, name, max_pixels, bits)


def _decode(file: BinaryIO, name: str, max_pixels: int, bits: int) -> np.ndarray:
    image, format_ = open_image(file, name, max_pixels)
    try:
        with PillowWarningsIgnored():
            if format_ == "PNG":
                image.verify()
                file.seek(0)
                image, _ = open_image(file, name, max_pixels)
            is_cut = is_cut_to_8_bits(image)
            image.load()
            if is_cut and bits < 16:
                image = _stretched(image, name, bits)
            return np.asarray(_rgb(_upright(image), name, bits))
    except BadImageError:
        raise
    # As in `open_image`: nearly every type of exception occurs.
    except Exception as error:
        raise BadImageError(name, damage(error, f"is a damaged {format_} image")) from error


def upright_size(file: BinaryIO, name: str) -> tuple[int, int]:
    """Width and height that `decode` would give, from the header.

    Raises:
        BadImageError: If the header cannot be read.
    """
    with PillowWarningsIgnored():
        image, _ = open_image(file, name, sys.maxsize)
        width, height = image.size
        return (height, width) if _turn(image) in _TURNING else (width, height)


def _upright(image: Image.Image) -> Image.Image:
    turn = _turn(image)
    return image if turn is None else image.transpose(turn)


def _turn(image: Image.Image) -> Image.Transpose | None:
    try:
        return _UPRIGHT.get(image.getexif().get(_ORIENTATION, 1))
    except (SyntaxError, ValueError, KeyError, TypeError, OSError, struct.error):
        return None  # the metadata are damaged, the pixels are not


def _rgb(image: Image.Image, name: str, bits: int) -> Image.Image:
    if image.mode.startswith("I;16"):
        return _from_16_bits(image, name, bits)
    if image.mode in ("I", "F"):
        raise BadImageError(
            name, "has signed or 32-bit numbers in one channel; expected 8 or 16 bits without sign"
        )
    if image.has_transparency_data:
        layers = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, layers).convert("RGB")
    return image if image.mode == "RGB" else image.convert("RGB")


def _from_16_bits(image: Image.Image, name: str, bits: int) -> Image.Image:
    numbers, white = np.asarray(image).astype(np.uint32), 2**bits - 1
    _check_range(int(numbers.max()), white, name, bits)
    grey = (numbers * 255 + white // 2) // white
    return Image.fromarray(grey.astype(np.uint8)).convert("RGB")


def _stretched(image: Image.Image, name: str, bits: int) -> Image.Image:
    """Colour of 16 bits a channel, of which Pillow has read the upper 8; alpha uses all bits."""
    white = (2**bits - 1) >> 8
    bands = list(image.split())
    colours = len(bands) - (image.mode in ("LA", "RGBA"))
    for i, band in enumerate(bands[:colours]):
        _check_range(int(band.getextrema()[1]), white, name, bits)
        bands[i] = band.point([min(255, value * 255 // white) for value in range(256)])
    return Image.merge(image.mode, bands)


def _check_range(largest: int, white: int, name: str, bits: int) -> None:
    if largest > white:
        raise BadImageError(
            name, f"has the value {largest:,}, more than the {white:,} that bits: {bits} allows"
        )
