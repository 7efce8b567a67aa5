"""Members of zip and tar archives, one after the other, with guards against hostile ones."""

from __future__ import annotations

import contextlib
import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

_LONGEST_HEADER = 2**20
_SAYS_UTF8 = 0x800


class Member(NamedTuple):
    """One entry of an archive.

    Attributes:
        name: As it stands in the archive.
        is_folder: Whether it is a folder; otherwise it is a file.
        forbidden: What it is instead of a plain file or folder, such as "a link"; None otherwise.
        file: Content of a file; read it before asking for the next member.
    """

    name: str
    is_folder: bool
    forbidden: str | None
    file: BinaryIO | None


class ArchiveError(Exception):
    """An archive cannot or must not be unpacked; the message is the end of a sentence."""


def is_zip(path: Path) -> bool:
    """Whether a file begins as a zip archive; a tar file may end as one."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def zip_members(path: Path, _limit: int) -> Iterator[Member]:
    """Members of a zip archive; their content is decompressed as it is read."""
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            # The upper half of external_attr is a Unix mode, 0 where another system wrote it.
            kind = stat.S_IFMT(info.external_attr >> 16)
            forbidden = "encrypted" if info.flag_bits & 1 else None
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                forbidden = "a link" if kind == stat.S_IFLNK else "a device"
            name = _zip_name(info)
            if name.endswith("/") or forbidden:
                yield Member(name, name.endswith("/"), forbidden, None)
            else:
                with archive.open(info) as file:
                    yield Member(name, False, None, cast(BinaryIO, file))


def _zip_name(info: zipfile.ZipInfo) -> str:
    """A member's name: many programs write UTF-8 without saying so, and some backslashes."""
    name = info.filename
    if not info.flag_bits & _SAYS_UTF8:
        with contextlib.suppress(UnicodeError):
            name = name.encode("cp437").decode("utf-8")
    return name.replace("\\", "/")


def tar_members(path: Path, limit: int) -> Iterator[Member]:
    """Members of a tar archive, plain or compressed with gzip."""
    with path.open("rb") as raw:
        packed = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        source = cast(BinaryIO, gzip.GzipFile(fileobj=raw) if packed else raw)
        with tarfile.open(fileobj=_Guarded(source, limit), mode="r:") as archive:
            for info in archive:
                forbidden = _forbidden(info)
                file = archive.extractfile(info) if info.isreg() and not forbidden else None
                yield Member(info.name, info.isdir(), forbidden, cast(BinaryIO | None, file))


def _forbidden(info: tarfile.TarInfo) -> str | None:
    if info.issym() or info.islnk():
        return "a link"
    return None if info.isreg() or info.isdir() else "a device"


class _Guarded(io.RawIOBase):
    """A tar stream that refuses requests which only a hostile archive causes.

    tarfile reads headers into memory and skips over members, whatever size they claim, and both
    are decompressed first.
    """

    def __init__(self, source: BinaryIO, limit: int) -> None:
        super().__init__()
        self._source = source
        # Headers and padding come on top of the content, at most a few kilobytes a file.
        self._limit = 4 * limit

    def readable(self) -> bool:
        """Always true."""
        return True

    def seekable(self) -> bool:
        """Always true; a gzip stream seeks forward by reading."""
        return True

    def tell(self) -> int:
        """Position in the decompressed stream."""
        return self._source.tell()

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a position, unless it is so far that only a zip bomb has it."""
        if whence == io.SEEK_SET and offset > self._limit:
            raise ArchiveError(f"it claims to hold {offset:,} bytes")
        return self._source.seek(offset, whence)

    def read(self, size: int = -1) -> bytes:
        """Read as much as an honest header or one block of a file can have."""
        if size < 0 or size > _LONGEST_HEADER:
            raise ArchiveError(f"it has a header of {size:,} bytes")
        return self._source.read(size)
