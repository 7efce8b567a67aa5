"""Image headers: format, colour mode and size, without decoding a pixel."""

from __future__ import annotations

import warnings
from functools import cache
from threading import Lock
from types import TracebackType
from typing import BinaryIO, NamedTuple

from PIL import Image, UnidentifiedImageError, features

from spaces.errors import DataError
from trainables.datasets.files.content_types import HEAD, describe, image_format
from trainables.datasets.files.png_text import without_text


class PillowWarningsIgnored:
    """A context without Pillow's warnings, which many threads may enter at once.

    Warning filters belong to the process: if each thread set and restored them, one would undo
    what another had set. So the first thread to enter sets them, and the last to leave restores
    them.
    """

    _lock = Lock()
    _inside = 0
    _filters: warnings.catch_warnings[None]

    def __enter__(self) -> None:
        kind = type(self)
        with kind._lock:
            if not kind._inside:
                kind._filters = warnings.catch_warnings()
                kind._filters.__enter__()
                warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
            kind._inside += 1

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        kind = type(self)
        with kind._lock:
            kind._inside -= 1
            if not kind._inside:
                kind._filters.__exit__(exc_type, exc, traceback)


# We check the study's `max_pixels` before anything is decoded. Pillow's own limit would warn as
# well, and refuse images that a study allows.
Image.MAX_IMAGE_PIXELS = None

_PILLOWS_NAMES = {"HEIC": "HEIF"}


class BadImageError(DataError):
    """An image that cannot be decoded.

    Attributes:
        name: The image's key.
        reason: What is wrong with it: the rest of a sentence that begins with the name.
    """

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name} {reason}.")


class Header(NamedTuple):
    """The header of an image.

    Attributes:
        format: A key of `content_types.EXTENSIONS`.
        mode: Pillow's name for the kind of pixels (RGB, L, P, CMYK, I;16, ...), or RGB;16 and the
            like for colour of 16 bits a channel, of which Pillow reads 8.
        width, height: In pixels as stored, before EXIF rotation.
        has_pages: Whether there are several pictures in the file, of which the first is used.
    """

    format: str
    mode: str
    width: int
    height: int
    has_pages: bool = False


def read_header(file: BinaryIO, name: str, max_pixels: int) -> Header:
    """Read the header of the image that `file` begins with.

    Raises:
        BadImageError: If it is not an image, is damaged, or has more than `max_pixels`.
    """
    try:
        return _header(file, name, max_pixels)
    except BadImageError:
        pixels = without_text(file)
        if pixels is None:
            raise
    return _header(pixels, name, max_pixels)


def _header(file: BinaryIO, name: str, max_pixels: int) -> Header:
    image, format_ = open_image(file, name, max_pixels)
    mode = f"{image.mode};16" if is_cut_to_8_bits(image) else image.mode
    width, height = image.size
    return Header(format_, mode, width, height, _has_pages(image, format_))


def is_cut_to_8_bits(image: Image.Image) -> bool:
    """Whether an opened image has 16 bits a channel, of which Pillow reads the upper 8."""
    return not image.mode.startswith("I") and any(";16" in str(tile[3]) for tile in image.tile)


def _has_pages(image: Image.Image, format_: str) -> bool:
    if format_ not in ("TIFF", "HEIC"):
        return False  # the frames of an animation are one picture that moves
    try:
        return getattr(image, "n_frames", 1) > 1
    except Exception:  # as in `open_image`; decoding will say whether the first page is damaged
        return False


def open_image(file: BinaryIO, name: str, max_pixels: int) -> tuple[Image.Image, str]:
    """Open an image with Pillow, without decoding it; also gives its format.

    Raises:
        BadImageError: As `read_header`.
    """
    try:
        head = file.read(HEAD)
    except OSError as error:
        raise BadImageError(name, f"cannot be read: {error.strerror}") from error
    if not head:
        raise BadImageError(name, "is empty")
    format_ = image_format(head)
    if format_ is None:
        raise BadImageError(name, f"is not an image that can be read: it is {describe(head)}")
    if missing := missing_decoder(format_):
        raise BadImageError(name, f"is {missing}")
    if format_ == "WebP":
        # Pillow's WebP reader allocates all pixels as soon as it opens a file.
        _check_size(name, _webp_size(head), max_pixels)
    file.seek(0)
    try:
        with PillowWarningsIgnored():
            image = Image.open(file, formats=(_PILLOWS_NAMES.get(format_, format_.upper()),))
    except UnidentifiedImageError as error:
        raise BadImageError(name, f"has a damaged or incomplete {format_} header") from error
    # Pillow documents no set of exceptions for damaged files; nearly every type occurs.
    except Exception as error:
        raise BadImageError(name, damage(error, f"has a damaged {format_} header")) from error
    _check_size(name, image.size, max_pixels)
    return image, format_


@cache
def missing_decoder(format_: str) -> str | None:
    """What to install for a format: the rest of a sentence that begins "It is"; None if nothing."""
    if format_ == "AVIF" and not features.check("avif"):
        return 'an AVIF image, which needs Pillow with AVIF: pip install --upgrade "pillow>=12"'
    if format_ == "HEIC":
        try:
            import pillow_heif
        except ImportError:
            return 'a HEIC image, which needs pillow-heif: pip install "thawtune[photos]"'
        pillow_heif.register_heif_opener()
    return None


def damage(error: Exception, otherwise: str) -> str:
    """An exception of Pillow's in one line, as a reason of `BadImageError`."""
    message = " ".join(str(error).split()).rstrip(".") or type(error).__name__
    return f"{'is truncated' if 'truncated' in message.lower() else otherwise} ({message})"


def _check_size(name: str, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise BadImageError(name, f"has no pixels: its size is {width}×{height}")
    if width * height > max_pixels:
        raise BadImageError(
            name,
            f"has {width}×{height} pixels, more than the limit of {max_pixels:,} (max_pixels in "
            "the study); it was not decoded",
        )


def _webp_size(head: bytes) -> tuple[int, int]:
    """Width and height in the first chunk: lossy, lossless or extended; (1, 1) for other chunks.

    Source: RFC 9649, sections 2.5 to 2.7, and RFC 6386, section 9.1.
    """
    kind, body = head[12:16], head[20:30]
    if kind == b"VP8 " and len(body) == 10:
        return _integer(body[6:8]) & 0x3FFF, _integer(body[8:10]) & 0x3FFF
    if kind == b"VP8L" and len(body) >= 5:
        bits = _integer(body[1:5])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8X" and len(body) == 10:
        return _integer(body[4:7]) + 1, _integer(body[7:10]) + 1
    return 1, 1


def _integer(raw: bytes) -> int:
    return int.from_bytes(raw, "little")
