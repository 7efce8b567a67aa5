"""Looking through folders: which files are images, and which are something else.

What is left out is not forgotten: each file has its reason.
- Hidden files and folders, `__MACOSX`, `Thumbs.db` and the like: what systems leave behind.
- Files that are no images by name or content. An image without an image's extension is taken.
- Links that lead out of the dataset, and linked folders: following them could read what is not
  meant, or go round in circles. A link to a file inside the dataset is an image like any other.
- What is not a file at all (a pipe would block whoever opens it).

Empty, broken and damaged images are not left out here: they are found when they are inspected.
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
    """Digest of a file's content, read in blocks; of nothing if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
    except OSError:
        return ""


class Finding(NamedTuple):
    """Something to tell about a file or an image.

    Attributes:
        name: Its key, or its path relative to the dataset.
        reason: What is to be said, as the end of a sentence.
    """

    name: str
    reason: str


_LEFTOVERS = {"__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "$recycle.bin", "@eadir"}


@dataclass(frozen=True)
class Scan:
    """What lies beneath a folder, in natural order.

    Attributes:
        images: Paths of images.
        ignored: What was left out, by its path relative to the dataset's root.
    """

    images: tuple[Path, ...]
    ignored: tuple[Finding, ...]


def natural(name: str) -> tuple[tuple[int | str, ...], str]:
    """Sorts `img2` before `img10`; the same order on every machine."""
    parts = re.split(r"([0-9]+)", name)
    return tuple(int(part) if i % 2 else part.lower() for i, part in enumerate(parts)), name


def key_of(path: Path, root: Path) -> str:
    """The path relative to the root with forward slashes; bytes that are no text are escaped."""
    relative = path.relative_to(root).as_posix()
    return os.fsencode(relative).decode("utf-8", "backslashreplace")


def is_leftover(name: str) -> bool:
    """Whether a system put this beside a person's files."""
    return name.startswith(".") or name.lower() in _LEFTOVERS


def entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in a folder, in natural order.

    Raises:
        DataError: If it cannot be listed.
    """
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: natural(entry.name))
    except OSError as error:
        raise DataError(f"{folder} cannot be listed: {error.strerror}.") from error


def subfolders(folder: Path) -> list[Path]:
    """Folders in a folder, in natural order, without hidden ones, leftovers and links."""
    return [
        Path(entry.path)
        for entry in entries(folder)
        if entry.is_dir(follow_symlinks=False) and not is_leftover(entry.name)
    ]


def scan(folder: Path, root: Path) -> Scan:
    """All images in a folder and in the folders in it.

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
    """Why this is not taken for an image; None if it is."""
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
    return None if named or _begins_like_an_image(entry.path) else "is no image"


def _begins_like_an_image(path: str) -> bool:
    try:
        with open(path, "rb") as file:
            return image_format(file.read(HEAD)) is not None
    except OSError:
        return False  # it has no image's name either: nobody misses it
