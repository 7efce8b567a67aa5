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
    "HEIC": (".heic", ".heif", ".hif"),
    "AVIF": (".avif", ".avifs"),
}
"""Image formats that we read, and the extensions of each, in lower case."""

_IMAGES = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "WebP"),
    # Its second header is as long as one of the known kinds: text may begin with BM, too.
    (
        re.compile(rb"BM(.{0,15}\Z|.{12}[\x0c\x10\x28\x34\x38\x40\x6c\x7c]\0\0\0)", re.DOTALL),
        "BMP",
    ),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "TIFF"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    # Brands of ISO/IEC 23008-12: mif1 and msf1 alone do not say how the picture is encoded.
    (re.compile(rb"....ftyp(....)*?(avif|avis)", re.DOTALL), "AVIF"),
    (re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL), "HEIC"),
)
_TEXT = re.compile(rb"[ -~][\t\r\n\f -~\x80-\xff]*\Z")
_RAW = (
    *(".nef", ".nrw", ".cr2", ".cr3", ".crw", ".arw", ".sr2", ".srf", ".srw", ".dng", ".raf"),
    *(".orf", ".rw2", ".rwl", ".pef", ".3fr", ".fff", ".iiq", ".erf", ".mef", ".mos", ".mrw"),
    *(".dcr", ".kdc", ".x3f", ".gpr", ".raw"),
)
_OTHERS = (
    (re.compile(rb"\0+\Z"), "nothing but zero bytes"),
    (re.compile(rb"....ftyp", re.DOTALL), "a video"),
    (re.compile(rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51"), "a JPEG 2000 image"),
    (re.compile(rb"8BPS"), "a Photoshop file"),
    (re.compile(rb"%PDF"), "a PDF document"),
    (re.compile(rb"PK\x03\x04"), "a zip archive"),
    (re.compile(rb"\x1f\x8b"), "gzip-compressed"),
    (re.compile(rb"\s*<(!doctype )?html", re.IGNORECASE), "a web page (HTML)"),
    (re.compile(rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?<svg", re.DOTALL), "an SVG drawing"),
    (re.compile(rb"version https://git-lfs"), "a Git LFS pointer, not the file it stands for"),
    (re.compile(rb"/annex/objects/"), "a git-annex pointer, not the file it stands for"),
    (re.compile(rb"[\t\r\n -~]+\Z"), "text"),
)


def image_format(head: bytes) -> str | None:
    """The image format that begins like this, a key of `EXTENSIONS`, or None."""
    found = next((name for pattern, name in _IMAGES if pattern.match(head)), None)
    # Text may begin with GIF89a as well, but no image goes on without a control character.
    return None if found and _TEXT.match(head) else found


def describe(head: bytes) -> str:
    """What a file that begins like this is, for a message about a file that is not an image."""
    known = next((name for pattern, name in _OTHERS if pattern.match(head)), None)
    return known or f"of an unknown type (its first bytes are {head[:8].hex(' ')})"


def is_camera_raw(name: str) -> bool:
    """Whether a file is named like a camera's raw data, many of which begin as TIFF does."""
    return name.lower().endswith(_RAW)


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
