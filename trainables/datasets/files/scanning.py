"""Scanning folders for images.

These are left out, each with a reason that the preflight shows:
- Hidden files and folders, `__MACOSX`, `Thumbs.db` and the like, which systems leave behind.
- Files that are not images by name or content. An image without an image's extension is taken.
- Links that lead out of the dataset, and links to folders: following them could read what is not
  meant, or never end. A link to a file inside the dataset is an image like any other.
- Whatever is not a file (opening a pipe would block).

Empty, broken and damaged images are not left out here; the inspection finds them.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from spaces.errors import DataError
from trainables.datasets.files.content_types import HEAD, image_format, is_named_like_an_image


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
    """Path relative to the root, with forward slashes; bytes that are not UTF-8 are escaped."""
    relative = path.relative_to(root).as_posix()
    return os.fsencode(relative).decode("utf-8", "backslashreplace")


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


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, in natural order, except hidden ones, leftovers and links."""
    return [
        Path(entry.path)
        for entry in entries(folder)
        if entry.is_dir(follow_symlinks=False) and not is_leftover(entry.name)
    ]


def scan(folder: Path, root: Path) -> Scan:
    """All images in a folder and its subfolders.

    Args:
        folder: Within `root`, or `root` itself.
        root: The dataset's folder, resolved.
    """
    images: list[Path] = []
    ignored: list[Finding] = []
    for path, reason in _walk(folder, root):
        if reason is None:
            images.append(path)
        else:
            ignored.append(Finding(key_of(path, root), reason))
    return Scan(tuple(images), tuple(ignored))


def _walk(folder: Path, root: Path) -> Iterator[tuple[Path, str | None]]:
    for entry in entries(folder):
        path = Path(entry.path)
        if is_leftover(entry.name):
            yield path, "is hidden or left behind by a system"
        elif entry.is_dir(follow_symlinks=False):
            yield from _walk(path, root)
        else:
            yield path, _why_not(entry, root)


def _why_not(entry: os.DirEntry[str], root: Path) -> str | None:
    """Why an entry is not taken for an image; None if it is."""
    named = is_named_like_an_image(entry.name)
    try:
        mode = entry.stat().st_mode
    except OSError:
        return None if named else "is a broken link"
    if entry.is_symlink() and stat.S_ISDIR(mode):
        return "is a link to a folder"
    if entry.is_symlink() and not Path(entry.path).resolve().is_relative_to(root):
        return "is a link that leads out of the dataset"
    if not stat.S_ISREG(mode):
        return "is not a file"
    return None if named or _begins_like_an_image(entry.path) else "is not an image"


def _begins_like_an_image(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return image_format(file.read(HEAD)) is not None
    except OSError:
        return False  # its name is not an image's either
