"""Archives are unpacked once, and hostile ones are refused without a trace."""

from __future__ import annotations

import gzip
import io
import os
import stat
import struct
import tarfile
import zipfile

import pytest

from spaces.errors import DataError
from tests.trainables.datasets.pictures import encoded, picture
from trainables.datasets.files import archives
from trainables.datasets.files.archives import is_archive, refuse_other_archives, unpacked

JPEG = encoded(picture(1))


def zipped(path, *entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for entry, content in entries:
            file.writestr(entry, content)
    return path


def tarred(path, *entries, mode="w:gz"):
    with tarfile.open(path, mode) as file:
        for info, content in entries:
            info = tarfile.TarInfo(info) if isinstance(info, str) else info
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def special(name, kind, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


def zip_link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_tar_is_unpacked_once(tmp_path, mode, monkeypatch):
    path = tarred(tmp_path / "a.tar", ("a/1.jpg", JPEG), ("b/2.jpg", JPEG), mode=mode)
    folder = unpacked(path)
    assert (folder / "a" / "1.jpg").read_bytes() == JPEG
    monkeypatch.setattr(archives, "_unpack", lambda *_: pytest.fail("unpacked again"))
    assert unpacked(path) == folder


def test_zip_is_unpacked_where_its_content_says(tmp_path, own_cache):
    folder = unpacked(zipped(tmp_path / "a.zip", ("a/1.jpg", JPEG)))
    assert folder.is_relative_to(own_cache)
    assert (folder / "a" / "1.jpg").read_bytes() == JPEG
    assert unpacked(zipped(tmp_path / "b.zip", ("a/1.jpg", JPEG + b"\0"))) != folder


def test_a_tar_that_ends_with_a_zip_is_a_tar(tmp_path):
    inner = zipped(tmp_path / "inner.zip", ("evil.jpg", JPEG)).read_bytes()
    path = tarred(tmp_path / "a.tar", ("a/1.jpg", JPEG), ("inner.zip", inner), mode="w")
    assert sorted(p.name for p in unpacked(path).iterdir()) == ["a", "inner.zip"]


HOSTILE_NAMES = ("../evil.jpg", "a/../../evil.jpg", "/tmp/evil.jpg", "C:\\evil.jpg", "..\\evil.jpg")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_are_refused(tmp_path, own_cache, kind, name):
    write = zipped if kind == "zip" else tarred
    path = write(tmp_path / f"a.{kind}", ("a/1.jpg", JPEG), (name, JPEG))
    with pytest.raises(DataError, match="leads out of the folder"):
        unpacked(path)
    assert not list(own_cache.rglob("*.jpg"))
    assert not list(tmp_path.rglob("evil*"))
    assert not os.path.exists("/tmp/evil.jpg")


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ([(special("a/l", tarfile.SYMTYPE, "/etc"), b""), ("a/l/x", JPEG)], "'a/l' is a link"),
        ([("a/1.jpg", JPEG), (special("a/l", tarfile.LNKTYPE, "a/1.jpg"), b"")], "is a link"),
        ([(special("a/d", tarfile.CHRTYPE), b"")], "is a device"),
        ([(special("a/p", tarfile.FIFOTYPE), b"")], "is a device"),
        ([("a/1.jpg", JPEG), ("a/1.jpg", JPEG)], "has 'a/1.jpg' twice"),
        ([("a", JPEG), ("a/1.jpg", JPEG)], "cannot be unpacked|twice"),
    ],
)
def test_tar_with_more_than_files_is_refused(tmp_path, own_cache, entries, expected):
    path = tarred(tmp_path / "a.tar.gz", *entries)
    with pytest.raises(DataError, match=expected):
        unpacked(path)
    left = (own_cache / "archives").rglob("*")
    assert not [p for p in left if p.is_file() and p.suffix != ".lock"]


def test_zip_with_a_link_or_a_secret_is_refused(tmp_path):
    with pytest.raises(DataError, match="'a/l' is a link"):
        unpacked(zipped(tmp_path / "a.zip", (zip_link("a/l"), "/etc/passwd")))
    raw = bytearray(zipped(tmp_path / "b.zip", ("a/1.jpg", JPEG)).read_bytes())
    raw[raw.rindex(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "b.zip").write_bytes(raw)
    with pytest.raises(DataError, match="is encrypted"):
        unpacked(tmp_path / "b.zip")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_zip_with_a_name_twice_is_refused(tmp_path):
    with pytest.raises(DataError, match="twice"):
        unpacked(zipped(tmp_path / "a.zip", ("a.jpg", JPEG), ("a.jpg", JPEG)))


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_bombs_are_refused(tmp_path, own_cache, kind, monkeypatch):
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 100_000)
    write = zipped if kind == "zip" else tarred
    path = write(tmp_path / f"a.{kind}", ("a/1.bmp", bytes(10_000_000)))
    with pytest.raises(DataError, match=r"holds more than [0-9,]+ bytes|claims to hold"):
        unpacked(path)
    assert not list(own_cache.rglob("*.bmp"))


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "ALWAYS_ALLOWED", 100_000)
    path = zipped(tmp_path / "a.zip", ("a/1.bmp", bytes(10_000_000)))
    raw = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        place = raw.index(signature) + offset
        raw[place : place + 4] = struct.pack("<I", 1000)
    path.write_bytes(raw)
    with pytest.raises(DataError):
        unpacked(path)


def test_a_tar_header_bomb_is_refused_before_it_is_in_memory(tmp_path):
    info = special("x", tarfile.XHDTYPE)
    info.size = 10**9
    (tmp_path / "a.tar.gz").write_bytes(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT)))
    with pytest.raises(DataError, match="a header of 1,000,000,"):
        unpacked(tmp_path / "a.tar.gz")


@pytest.mark.parametrize("name", ["a.zip", "a.tar", "a.tar.gz"])
def test_damaged_archives_are_sentences(tmp_path, own_cache, name):
    path = tmp_path / name
    for content in (b"", b"PK\x03\x04nonsense", b"\x1f\x8bnonsense", b"nonsense" * 100):
        path.write_bytes(content)
        with pytest.raises(DataError, match="cannot be unpacked"):
            unpacked(path)
    whole = (
        zipped(path, ("a.bin", os.urandom(9999)))
        if name == "a.zip"
        else tarred(path, ("a.bin", os.urandom(9999)), mode="w:gz" if name.endswith("gz") else "w")
    )
    path.write_bytes(whole.read_bytes()[:5000])
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpacked(path)
    assert not list(own_cache.rglob("*.bin"))


def test_other_archives_have_to_be_unpacked_by_hand(tmp_path):
    path = tmp_path / "a.7z"
    path.write_bytes(b"7z")
    assert not is_archive(path)
    with pytest.raises(DataError, match="unpack it yourself"):
        refuse_other_archives(path)
