"""Content types: what a file is by its first bytes, whatever its name."""

from __future__ import annotations

import re

HEAD = 512
"""Bytes that `image_format` and `describe` need."""

EXTENSIONS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "WebP": (".webp",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "GIF": (".gif",),
}
"""Image formats that we read, and the extensions of each, in lower case."""

_IMAGES = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WebP"),
    (re.compile(rb"BM"), "BMP"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "TIFF"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
)
_OTHERS = (
    (re.compile(rb"\0+\Z"), "nothing but zero bytes"),
    (re.compile(rb"....ftyp(heic|heix|hevc|mif1|msf1)", re.DOTALL), "a HEIC image"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "an AVIF image"),
    (re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"), "a JPEG 2000 image"),
    (re.compile(rb"8BPS"), "a Photoshop file"),
    (re.compile(rb"%PDF"), "a PDF document"),
    (re.compile(rb"PK\x03\x04"), "a zip archive"),
    (re.compile(rb"\x1f\x8b"), "gzip-compressed"),
    (re.compile(rb"\s*<(!doctype )?html", re.IGNORECASE), "a web page (HTML)"),
    (re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg", re.DOTALL), "an SVG drawing"),
    (re.compile(rb"version https://git-lfs"), "a Git LFS pointer, not the file it stands for"),
    (re.compile(rb"[\t\r\n -~]+\Z"), "text"),
)


def image_format(head: bytes) -> str | None:
    """The image format that begins like this, a key of `EXTENSIONS`, or None."""
    return next((name for pattern, name in _IMAGES if pattern.match(head)), None)


def describe(head: bytes) -> str:
    """What a file that begins like this is, for a message about a file that is not an image."""
    known = next((name for pattern, name in _OTHERS if pattern.match(head)), None)
    return known or f"of an unknown type (its first bytes are {head[:8].hex(' ')})"


def is_named_like_an_image(name: str) -> bool:
    """Whether a file name has the extension of an image."""
    return any(name.lower().endswith(extensions) for extensions in EXTENSIONS.values())


def mislabelling(name: str, format_: str) -> str | None:
    """What is wrong with the extension of an image of this format; None if nothing is.

    A name without an extension is never wrong.
    """
    extension = re.search(r"\.[^./\\]+\Z", name)
    if extension is None or extension[0].lower() in EXTENSIONS[format_]:
        return None
    return f"has the extension {extension[0]} but is a {format_} image"
