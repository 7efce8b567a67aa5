"""Scanning folders for images.

These are left out, each with a reason that the preflight shows:
- Hidden files and folders, `__MACOSX`, `Thumbs.db` and the like, which systems leave behind.
- Files that are not images by name or content. An image without an image's extension is taken.
- Links that lead out of the dataset, and links to folders, unless the study follows links:
  following them could read what is not meant. A link to a file inside the dataset is an image like
  any other. A folder is never entered again from within itself.
- Camera raw files: what Pillow reads of them is a thumbnail.
- Whatever is not a file (opening a pipe would block).

Empty, broken and damaged images are not left out here; the inspection finds them.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from spaces.errors import DataError
from spaces.texts import name_of
from trainables.datasets.files.content_types import (
    HEAD,
    image_format,
    is_camera_raw,
    is_named_like_an_image,
)


def digest_of(path: Path) -> str:
    """Digest of a file's content, read in blocks; empty if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return ""


class Finding(NamedTuple):
    """A remark about a file or an image.

    Attributes:
        name: Its key, or its path relative to the dataset.
        reason: The rest of a sentence that begins with the name.
    """

    name: str
    reason: str


LINK_OUT = "is a link that leads out of the dataset"
LINK_TO_FOLDER = "is a link to a folder"
CAMERA_RAW = "is a camera raw file"

_LEFTOVERS = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "@eadir"}


@dataclass(frozen=True)
class Scan:
    """The files in a folder and its subfolders, in natural order.

    Attributes:
        images: Paths of images.
        ignored: Files that are left out, by their path relative to the dataset's root.
    """

    images: tuple[Path, ...]
    ignored: tuple[Finding, ...]


def natural(name: str) -> tuple[tuple[int | str, ...], str]:
    """Sort key: `img2` before `img10`, in the same order on every machine."""
    parts = re.split(r"([0-9]+)", name)
    return tuple(int(part) if i % 2 else part.lower() for i, part in enumerate(parts)), name


def key_of(path: Path, root: Path) -> str:
    """Path relative to the root, if within it; bytes that are not UTF-8 are escaped."""
    inside = path.relative_to(root) if path.is_relative_to(root) else path
    return readable_name(inside.as_posix())


def readable_name(name: str) -> str:
    """A name of a file as text that can be written: accents composed, wrong bytes escaped."""
    return unicodedata.normalize("NFC", name_of(name))


def is_leftover(name: str) -> bool:
    """Whether an operating system left this beside a person's files."""
    return name.startswith(".") or name.lower() in _LEFTOVERS


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder, in natural order.

    Raises:
        DataError: If it cannot be listed.
    """
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: natural(entry.name))
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror}.") from error


def subfolders(folder: Path, follow_links: bool = False) -> list[Path]:
    """Folders in a folder, in natural order, except hidden ones and leftovers.

    Args:
        follow_links: Whether links to folders are folders.
    """
    return [
        Path(entry.path)
        for entry in entries(folder)
        if entry.is_dir(follow_symlinks=follow_links) and not is_leftover(entry.name)
    ]


def scan(folder: Path, root: Path, follow_links: bool = False) -> Scan:
    """All images in a folder and its subfolders.

    Args:
        folder: Within `root`, or `root` itself.
        root: The dataset's folder, resolved.
        follow_links: Whether links out of the dataset and links to folders are followed.
    """
    images: list[Path] = []
    ignored: list[Finding] = []
    around = frozenset({folder.resolve()})
    for path, reason in _walk(folder, root, around if follow_links else None):
        if reason is None:
            images.append(path)
        else:
            ignored.append(Finding(key_of(path, root), reason))
    return Scan(tuple(images), tuple(ignored))


def _walk(
    folder: Path, root: Path, around: frozenset[Path] | None
) -> Iterator[tuple[Path, str | None]]:
    """Files and why they are left out. `around`: folders that this one is in; None: no links."""
    for entry in entries(folder):
        path = Path(entry.path)
        if is_leftover(entry.name):
            yield path, "is hidden or left behind by a system"
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root, around)
        elif around is not None and entry.is_dir():
            target = path.resolve()
            if target in around or any(other.is_relative_to(target) for other in around):
                yield path, "is a link to a folder that it is in"
            else:
                yield from _walk(path, root, around | {target})
        else:
            yield path, _why_not(entry, root, around is not None)


def _why_not(entry: os.DirEntry[str], root: Path, follow_links: bool) -> str | None:
    """Why an entry is not taken for an image; None if it is."""
    named = is_named_like_an_image(entry.name)
    try:
        mode = entry.stat().st_mode
    except OSError:
        return None if named else "is a broken link"
    if entry.is_symlink() and stat.S_ISDIR(mode):
        return LINK_TO_FOLDER
    outside = entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root)
    if outside and not follow_links:
        return LINK_OUT
    if not stat.S_ISREG(mode):
        return "is not a file"
    if is_camera_raw(entry.name):
        return CAMERA_RAW
    return None if named or _begins_like_an_image(entry.path) else "is not an image"


def _begins_like_an_image(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return image_format(file.read(HEAD)) is not None
    except OSError:
        return False  # its name is not an image's either
