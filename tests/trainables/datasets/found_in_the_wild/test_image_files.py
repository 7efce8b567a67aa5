"""Image files as people have them: photos of phones, 16 bits, pages, damage, none at all."""

from __future__ import annotations

import io
import struct
import sys

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import class_folders, encoded, picture, write
from tests.trainables.datasets.reading import examined, read
from trainables.datasets.files import headers
from trainables.datasets.files.content_types import image_format
from trainables.datasets.files.decoding import decode
from trainables.datasets.files.headers import BadImageError
from trainables.datasets.formats.recognise import recognise
from trainables.datasets.preflight.examine import preflight


def test_photos_of_phones_are_read(tmp_path):
    heif = pytest.importorskip("pillow_heif")
    root = class_folders(tmp_path, 2, 6)
    for number in range(6):
        photo = heif.from_pillow(Image.fromarray(picture(50 + number, 64, 48)))
        photo.save(content := io.BytesIO(), quality=90)
        write(root / "phones" / f"IMG_{number}.HEIC", content.getvalue())
    index = read(root)
    assert index.class_names == ("class_0", "class_1", "phones")
    decoded = index.read(index.keys.index("phones/IMG_3.HEIC"))
    assert np.abs(decoded.astype(int) - picture(53, 64, 48)).mean() < 5
    assert examined(root).sizes.formats == {"JPEG": 12, "HEIC": 6}


def test_avif_is_read(tmp_path):
    root = class_folders(tmp_path, 2, 6)
    write(root / "class_0" / "x.avif", encoded(picture(50), "AVIF", quality=90))
    index = read(root)
    decoded = index.read(index.keys.index("class_0/x.avif"))
    assert np.abs(decoded.astype(int) - picture(50)).mean() < 5


@pytest.fixture
def no_heif(monkeypatch):
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    headers.missing_decoder.cache_clear()
    yield
    headers.missing_decoder.cache_clear()


@pytest.mark.usefixtures("no_heif")
def test_without_the_plug_in_photos_of_phones_never_vanish(tmp_path):
    root = class_folders(tmp_path, 2, 6)
    for number in range(12):
        name = f"IMG_{number}.HEIC"
        write(root / ("phones" if number else "class_0") / name, b"\0\0\0\x18ftypheic" + bytes(99))
    with pytest.raises(DataError) as refused:
        preflight(DatasetSection(format="folders", path=str(root)), "photos")
    need = '12 HEIC images need pillow-heif: pip install "thawtune[photos]"'
    assert need in str(refused.value)
    assert "phones" in str(refused.value)
    only_some = examined(root, skip_bad=True, drop_classes=("phones",))
    assert any("1 HEIC image needs pillow-heif" in warning for warning in only_some.warnings)


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (b"BMW 3 series, photos by me\n", None),
        (b"BMI,age\n" + b"24,50\n" * 20, None),
        (b"GIF89a is an old format; " * 9, None),
        (b"II*\0 no text", "TIFF"),
        (encoded(picture(1), "BMP")[:512], "BMP"),
        (encoded(picture(1), "GIF")[:512], "GIF"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "AVIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypisom\0\0\0\0isommp42", None),
    ],
)
def test_images_are_told_by_their_first_bytes(head, expected):
    assert image_format(head) == expected


def test_text_that_begins_like_an_image_is_none(tmp_path):
    root = class_folders(tmp_path, 2, 6)
    write(root / "class_0" / "notes.txt", b"BMW 3 series, photos by me\n")
    write(root / "class_0" / "table.csv", b"BMI,age\n")
    found = examined(root)
    assert not found.errors
    assert {name for name, _ in found.ignored} == {"class_0/notes.txt", "class_0/table.csv"}


@pytest.mark.parametrize("kind", ["zTXt", "tEXt", "iTXt", "many", "profile", "damaged"])
def test_long_and_damaged_text_in_a_png_is_not_read(kind):
    info, options = PngInfo(), {}
    if kind == "many":
        for number in range(80):
            info.add_text(f"part {number}", "x" * 900_000, zip=True)
    elif kind == "iTXt":
        info.add_itxt("workflow", "x" * 2_000_000, zip=True)
    elif kind == "profile":
        options = {"icc_profile": bytes(2_000_000)}
    else:
        info.add_text("workflow", "x" * 2_000_000, zip=kind == "zTXt")
    content = encoded(picture(3), "PNG", pnginfo=info, **options)
    if kind == "damaged":
        content = content.replace(b"xxxx", b"yxxx", 1)
    assert np.array_equal(decode(io.BytesIO(content), "a.png", 10**6), picture(3))
    assert headers.read_header(io.BytesIO(content), "a.png", 10**6).width == 48


def test_damaged_pixels_are_damaged_whatever_the_text():
    info = PngInfo()
    info.add_text("workflow", "x" * 2_000_000, zip=True)
    content = encoded(picture(3), "PNG", pnginfo=info)
    with pytest.raises(BadImageError, match="truncated"):
        decode(io.BytesIO(content[:-900]), "a.png", 10**6)


def test_camera_raw_is_left_out_and_told(tmp_path):
    root = class_folders(tmp_path, 2, 6)
    for number in range(3):
        write(root / "class_0" / f"{number}.NEF", encoded(picture(number), "TIFF"))
    found = examined(root)
    assert found.images == 12
    assert "3 are left out because each is a camera raw file" in found.warnings[0]
    assert "convert them to JPEG" in found.warnings[0]


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_images_of_fewer_bits_are_told_and_their_range_can_be_said(tmp_path, bits):
    rng = np.random.default_rng(0)
    for label in "ab":
        for number in range(6):
            deep = rng.integers(0, 2**bits, (40, 40)).astype(np.uint16)
            deep[0, 0] = 2**bits - 1
            write(tmp_path / label / f"{number}.png", encoded(Image.fromarray(deep), "PNG"))
    found = examined(tmp_path)
    assert "12 images of 16 bits a channel are nearly black" in found.warnings[0]
    assert f"set bits: {bits} in" in found.warnings[0]
    index = read(tmp_path, bits=bits)
    expected = np.round(deep / (2**bits - 1) * 255)
    assert np.abs(index.read(11)[..., 0] - expected).max() <= 1
    assert not examined(tmp_path, bits=bits).warnings
    assert index.fingerprint != read(tmp_path).fingerprint
    with pytest.raises(DataError, match=r"has the value .* more than the 511 that bits: 9"):
        preflight(recognise(tmp_path).model_copy(update={"bits": 9}), "photos")


def test_colour_of_16_bits_is_stretched_too():
    """A PNG of 16-bit colour, which Pillow cannot write."""
    import zlib

    deep = np.arange(4 * 4 * 3).reshape(4, 4, 3) * 85
    raw = b"".join(b"\0" + row.astype(">u2").tobytes() for row in deep)
    chunks = (b"IHDR" + struct.pack(">2I5B", 4, 4, 16, 2, 0, 0, 0), b"IDAT" + zlib.compress(raw))
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c))
        for c in (*chunks, b"IEND")
    )
    assert headers.read_header(io.BytesIO(content), "a.png", 99).mode == "RGB;16"
    found = decode(io.BytesIO(content), "a.png", 99, bits=12)
    assert np.abs(found - deep * 255 / 4095).max() <= 17  # Pillow reads the upper 8 bits


def test_the_first_page_is_taken_and_told(tmp_path):
    root = class_folders(tmp_path, 2, 6)
    pages = [Image.fromarray(picture(seed)) for seed in (70, 71)]
    content = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    write(root / "class_0" / "scan.tif", content)
    found = examined(root)
    assert found.warnings[0].startswith("The first page is used of files that have several: class_")
    index = read(root)
    assert np.array_equal(index.read(index.keys.index("class_0/scan.tif")), picture(70))
