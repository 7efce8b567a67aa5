"""Finding the image that a table means by a path, a name, or a name without its ending."""

from __future__ import annotations

import os
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple


class _Image(NamedTuple):
    folders: list[str]
    path: Path


class ImageFinder:
    """The images of a folder, by what tables call them.

    A path may be relative to the dataset, to a folder in it or above it, or absolute on another
    machine: an image fits if its path ends as the written one does, or the other way round. A name
    without folders fits wherever the image is, if there is only one. Endings may be missing, and
    upper case and the composition of accents do not count.

    Args:
        images: Paths of images.
        root: The folder that they are in.
        beyond: Whether a path may also lead to a file outside of it.
    """

    def __init__(self, images: Sequence[Path], root: Path, beyond: bool = False) -> None:
        self._root, self._beyond = root, beyond
        self._by_name: dict[str, list[_Image]] = defaultdict(list)
        self._by_stem: dict[str, list[_Image]] = defaultdict(list)
        for image in images:
            *folders, name = _parts(image.relative_to(root).as_posix())
            self._by_name[name].append(_Image(folders, image))
            self._by_stem[name.rpartition(".")[0] or name].append(_Image(folders, image))

    def find(self, written: str, hint: str = "") -> Path | None:
        """The image that is meant; None if there is none, or more than one.

        Args:
            written: As in the table.
            hint: Name of a folder that is preferred if several images fit, such as train.
        """
        *folders, name = _parts(written) or ("",)
        named = self._by_name.get(name) or self._by_stem.get(name) or []
        if len(named) == 1 and not folders:
            return named[0].path
        common = [_common(image.folders, folders) for image in named]
        found = [
            image
            for image, count in zip(named, common, strict=True)
            if count == max(common) and count >= min(1, len(image.folders), len(folders))
        ]
        for preferred in (
            [image for image in found if image.folders == folders],
            [image for image in found if hint and hint.casefold() in image.folders],
        ):
            if len(found) > 1 and preferred:
                found = preferred
        if len(found) == 1:
            return found[0].path
        return outside(written, self._root) if self._beyond and not found else None


def outside(written: str, root: Path) -> Path | None:
    """The file at an absolute path, or at one relative to the dataset; None if there is none."""
    path = Path(os.path.normpath(root / written.strip().replace("\\", "/")))
    return path if "\0" not in written and path != root and path.is_file() else None


def _parts(written: str) -> tuple[str, ...]:
    text = unicodedata.normalize("NFC", written.strip().replace("\\", "/")).casefold()
    return tuple(part for part in PurePosixPath(text).parts if part not in ("/", ".", ".."))


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """Number of folders, from the last, that both have."""
    count = 0
    for a, b in zip(reversed(one), reversed(other), strict=False):
        if a != b:
            break
        count += 1
    return count
