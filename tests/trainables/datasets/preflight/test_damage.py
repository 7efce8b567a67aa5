"""Damaged images: each is named with what is wrong with it, and none stops the others."""

from __future__ import annotations

import errno
import os
import re
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import class_folders, encoded, picture, write
from trainables.datasets.preflight.examine import examine, preflight
from trainables.datasets.rows.loading import load_trial_data, read_splits

JPEG = encoded(picture(500, 320, 240))
PNG = encoded(picture(501, 320, 240), "PNG")
GIF = encoded(picture(502), "GIF")
WEBP = encoded(picture(503), "WebP")
BMP = encoded(picture(504), "BMP")
TIFF = encoded(picture(505), "TIFF")
TIFF_LZW = encoded(picture(505), "TIFF", compression="tiff_lzw")
PROGRESSIVE = encoded(picture(506, 320, 240), progressive=True)


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 0xFF]) + content[place + 1 :]


def chunk(name, body):
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def huge_png(side=16000):
    rows = zlib.compressobj(1)
    data = b"".join(rows.compress(bytes(1 + side // 8)) for _ in range(side)) + rows.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


DAMAGE = {
    "empty.jpg": (b"", "is empty"),
    "zeros.jpg": (bytes(5000), "nothing but zero bytes"),
    "text.jpg": (b"not an image at all\n", "it is text"),
    "page.jpg": (b"<!DOCTYPE html><html>404</html>", r"a web page \(HTML\)"),
    "drawing.png": (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "an SVG drawing"),
    "phone.jpg": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
    "pointer.png": (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    "document.jpg": (b"%PDF-1.7\n%\xe2\xe3", "a PDF document"),
    "noise.png": (np.random.default_rng(0).bytes(300), "of an unknown type"),
    "cut.jpg": (JPEG[: len(JPEG) // 2], "is truncated"),
    "cut_progressive.jpg": (PROGRESSIVE[: len(PROGRESSIVE) // 2], "is truncated"),
    "header_only.jpg": (JPEG[:300], "(damaged|truncated)"),
    "three_bytes.jpg": (JPEG[:3], "damaged or incomplete JPEG header"),
    "cut.png": (PNG[: len(PNG) // 2], "(damaged|truncated)"),
    "checksum.png": (flipped(PNG, len(PNG) // 2), "damaged PNG"),
    "header_checksum.png": (flipped(PNG, 20), "damaged or incomplete PNG header"),
    "no_data.png": (PNG[:33] + chunk(b"IEND", b""), "damaged PNG"),
    "magic_only.png": (PNG[:8], "damaged or incomplete PNG header"),
    "no_pixels.png": (
        PNG[:8] + chunk(b"IHDR", struct.pack(">IIBBBBB", 0, 9, 8, 2, 0, 0, 0)) + PNG[33:],
        "(no pixels|damaged or incomplete PNG)",
    ),
    "cut.gif": (GIF[: len(GIF) // 2], "(damaged|truncated)"),
    "header_only.gif": (GIF[:13], "(damaged|truncated)"),
    "cut.webp": (WEBP[: len(WEBP) // 2], "damaged WebP"),
    "header_only.webp": (WEBP[:16], "damaged WebP"),
    "cut.bmp": (BMP[: len(BMP) // 2], "(damaged|truncated)"),
    "header_only.bmp": (BMP[:10], "damaged or incomplete BMP header"),
    "cut.tiff": (TIFF[: len(TIFF) // 2], "(damaged|truncated)"),
    "cut_lzw.tif": (TIFF_LZW[: len(TIFF_LZW) // 2], "(damaged|truncated)"),
    "astray.tif": (TIFF[:4] + b"\xff\xff\xff\x0f" + TIFF[8:], "(damaged|truncated)"),
    "floating.tif": (encoded(Image.fromarray(np.ones((4, 4), np.float32)), "TIFF"), "32-bit"),
    "huge.png": (huge_png(), "16000×16000 pixels, more than the limit"),
}


@pytest.fixture
def damaged(tmp_path):
    root = class_folders(tmp_path / "photos", classes=2, images=6)
    for number, (name, (content, _)) in enumerate(DAMAGE.items()):
        write(root / f"class_{number % 2}" / name, content)
    (root / "class_0" / "gone.jpg").symlink_to(root / "class_0" / "nowhere.jpg")
    return root


def section(root, **more):
    return DatasetSection(format="folders", path=str(root), **more)


def test_every_damaged_image_is_named_with_its_damage(damaged):
    assert len(DAMAGE) >= 15
    with pytest.raises(DataError) as refused:
        read_splits(section(damaged))
    lines = str(refused.value).splitlines()
    assert len(lines) == 1 + len(DAMAGE) + 1
    assert f"{len(DAMAGE) + 1} of {len(DAMAGE) + 13} images" in lines[0]
    found = examine(section(damaged), "photos")
    reasons = {finding.name.split("/")[1]: finding.reason for finding in found.unreadable}
    assert set(reasons) == {*DAMAGE, "gone.jpg"}
    for name, (_, expected) in DAMAGE.items():
        assert re.search(expected, reasons[name]), f"{name} {reasons[name]}"
        assert "\n" not in reasons[name]
    assert "cannot be opened: No such file" in reasons["gone.jpg"]


def test_preflight_refuses_with_the_same_words(damaged):
    with pytest.raises(DataError, match=r"cut_progressive\.jpg is truncated"):
        preflight(section(damaged), "photos")


def test_skip_bad_leaves_them_out_and_counts_them(damaged):
    skipping = section(damaged, skip_bad=True)
    found = preflight(skipping, "photos")
    assert found.skipped == len(DAMAGE) + 1
    assert sum(map(sum, found.counts.values())) == 12
    index, _ = read_splits(skipping)
    assert all(name.split("/")[1][0].isdigit() for name in index.keys)
    assert len(load_trial_data(skipping, 8).train.labels) == sum(found.counts["train"])
    assert f"{len(DAMAGE) + 1} images are left out" in found.warnings[0]


def test_a_class_with_nothing_left_is_an_error(tmp_path):
    root = class_folders(tmp_path / "photos", classes=2)
    write(root / "bad" / "1.jpg", b"")
    with pytest.raises(DataError, match="No image of the class 'bad' can be decoded"):
        read_splits(section(root, skip_bad=True))


def test_an_unreadable_file_is_named(tmp_path, monkeypatch):
    root = class_folders(tmp_path / "photos", classes=2)
    opened = Path.open

    def refusing(path, *arguments):
        if path.name == "3.jpg" and path.parent.name == "class_0":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return opened(path, *arguments)

    monkeypatch.setattr(Path, "open", refusing)  # root, as which CI may run, can read all files
    with pytest.raises(DataError, match=r"class_0/3\.jpg cannot be opened: Permission denied"):
        read_splits(section(root))


MEASURE = """
import resource, sys
from spaces.studies.dataset import DatasetSection
from trainables.datasets.preflight.examine import examine

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

examine(DatasetSection(format="folders", path=sys.argv[1]), "small")
before = peak()
found = examine(DatasetSection(format="folders", path=sys.argv[2]), "huge")
print(peak() - before, *(finding.name for finding in found.unreadable))
"""


def test_a_huge_image_takes_no_memory(tmp_path):
    """16,000 × 16,000 pixels, 768 MB decoded, in every format that can be so large."""
    small = class_folders(tmp_path / "small", classes=2)
    huge = class_folders(tmp_path / "huge", classes=2)
    write(huge / "class_0" / "huge.png", huge_png())
    bits = Image.new("1", (16000, 16000))
    bits.save(huge / "class_0" / "huge.tif", compression="group4")
    bits.save(huge / "class_0" / "huge.bmp")
    frame = b"\0\0\0\0" + struct.pack("<HH", 16000, 16000) + b"\0\x02\x02D\x01\0;"
    write(huge / "class_0" / "huge.gif", b"GIF89a" + frame[4:8] + b"\0\0\0," + frame)
    lossless = b"\x2f" + struct.pack("<I", 15999 | 15999 << 14) + bytes(20)
    body = b"WEBPVP8L" + struct.pack("<I", len(lossless)) + lossless
    write(huge / "class_0" / "huge.webp", b"RIFF" + struct.pack("<I", len(body)) + body)
    jpeg = bytearray(JPEG)
    place = jpeg.index(b"\xff\xc0")
    jpeg[place + 5 : place + 9] = struct.pack(">HH", 16000, 16000)
    write(huge / "class_0" / "huge.jpg", bytes(jpeg))
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", MEASURE, str(small), str(huge)],
        capture_output=True,
        text=True,
        check=True,
    )
    megabytes, *names = result.stdout.split()
    assert len(names) == 6
    assert int(megabytes) < 50
