"""Archives of datasets: unpacked once, safely, into the cache.

The folder is named after the archive's content; it is written under a temporary name and renamed
when it is complete. An archive is refused, and nothing of it is left, if it contains a name that
leads out of its folder, a link, a device, a name twice, an encrypted file, or more data than its
size can honestly hold (a zip bomb).
"""

from __future__ import annotations

import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import BinaryIO

from spaces.errors import DataError
from trainables.cache.folder import cache_folder, made_once
from trainables.datasets.files.archive_members import (
    ArchiveError,
    Member,
    is_zip,
    tar_members,
    zip_members,
)
from trainables.datasets.files.kept_digests import kept_digests

BLOCK = 2**20
MOST_FILES = 5_000_000
LARGEST_RATIO = 200
"""Unpacked to packed bytes. Photos hardly compress; plain pixels perhaps tenfold."""
ALWAYS_ALLOWED = 64 * 2**20
"""Bytes up to which the ratio is not checked: small files can be very uniform."""

_VERSION = 2
"""Raise it when names are read in another way."""

_OTHER_ARCHIVES = (".7z", ".rar", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".gz")


def is_archive(path: Path) -> bool:
    """Whether this is a file named like an archive we unpack, or a zip without any ending."""
    if path.is_dir():
        return False
    if path.name.lower().endswith((".zip", ".tar", ".tar.gz", ".tgz")):
        return True
    return not path.suffix and path.is_file() and zipfile.is_zipfile(path)


def refuse_other_archives(path: Path) -> None:
    """Refuse kinds of archives that we do not unpack.

    Raises:
        DataError: If `path` is one of them.
    """
    if path.is_file() and path.name.lower().endswith(_OTHER_ARCHIVES):
        raise DataError(
            f"{path} is an archive of a kind that thawtune does not unpack (only zip, tar and "
            "tar.gz): unpack it yourself and give the folder."
        )


def unpacked(path: Path) -> Path:
    """The folder with the archive's content, unpacked now or earlier.

    Raises:
        DataError: If the archive is damaged or refused, or the cache cannot be written.
    """
    [digest] = kept_digests(path, [path])
    if not digest:
        raise DataError(f"{path} cannot be read.")
    return made_once(
        cache_folder() / "archives" / f"{digest}-{_VERSION}", lambda target: _unpack(path, target)
    )


def _unpack(path: Path, target: Path) -> None:
    target.mkdir()
    members = zip_members if is_zip(path) else tar_members
    limit = min(
        max(ALWAYS_ALLOWED, LARGEST_RATIO * path.stat().st_size),
        shutil.disk_usage(target).free,
    )
    try:
        _write(members(path, limit), target, limit)
    except ArchiveError as error:
        raise DataError(f"The archive {path} is refused: {error}.") from error
    # zipfile and tarfile raise nearly anything on damaged input.
    except (
        OSError,
        EOFError,
        ValueError,
        zlib.error,
        RuntimeError,
        NotImplementedError,
        tarfile.TarError,
        zipfile.BadZipFile,
    ) as error:
        raise DataError(f"The archive {path} cannot be unpacked: {error}.") from error


def _write(members: Iterable[Member], target: Path, limit: int) -> None:
    written = 0
    for number, member in enumerate(members, 1):
        if number > MOST_FILES:
            raise ArchiveError(f"it has more than {MOST_FILES:,} files")
        if member.forbidden:
            raise ArchiveError(f"its {member.name!r} is {member.forbidden}")
        place = target.joinpath(*_parts(member.name))
        if member.is_folder or member.file is None:
            place.mkdir(parents=True, exist_ok=True)
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with place.open("xb") as file:
                written = _copy(member.file, file, written, limit)
        except FileExistsError as error:
            raise ArchiveError(f"it has {member.name!r} twice") from error


def _parts(name: str) -> tuple[str, ...]:
    """The parts of a name that stays within the target."""
    windows = PureWindowsPath(name)
    if "\0" in name or windows.drive or windows.root or ".." in windows.parts:
        raise ArchiveError(f"its name {name!r} leads out of the folder that it is unpacked into")
    return tuple(part for part in PurePosixPath(name).parts if part != ".")


def _copy(source: BinaryIO, target: BinaryIO, written: int, limit: int) -> int:
    while block := source.read(BLOCK):
        written += len(block)
        if written > limit:
            raise ArchiveError(
                f"it holds more than {limit:,} bytes, more than fits here or than an archive of "
                "its size can honestly hold"
            )
        target.write(block)
    return written
