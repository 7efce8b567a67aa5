"""Every kind of image comes out as 8-bit RGB, upright."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.trainables.datasets.pictures import encoded, picture
from trainables.datasets.files.decoding import decode
from trainables.datasets.files.headers import BadImageError, read_header

LIMIT = 10**6
RED, GREEN = (250, 10, 10), (10, 240, 20)


def decoded(content):
    return decode(io.BytesIO(content), "a.img", LIMIT)


def quarters():
    """A picture, 32×16, whose four corners differ."""
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:8, :16] = RED
    pixels[:8, 16:] = GREEN
    pixels[8:, 16:] = (20, 30, 240)
    return pixels


def png(width, height, depth, kind, rows, *chunks):
    """A PNG of raw rows, for kinds of pixels that Pillow does not write."""

    def chunk(name, body):
        return (
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), *chunks, chunk(b"IDAT", data), chunk(b"IEND", b"")]
    )


@pytest.mark.parametrize("format_", ["PNG", "BMP", "TIFF", "WebP"])
def test_lossless_formats_give_the_pixels_back(format_):
    pixels = picture(1)
    options = {"lossless": True} if format_ == "WebP" else {}
    assert np.array_equal(decoded(encoded(pixels, format_, **options)), pixels)


def test_jpeg_is_close():
    assert np.abs(decoded(encoded(picture(1), quality=95)).astype(int) - picture(1)).mean() < 4


def test_first_frame_of_an_animation():
    frames = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    for format_ in ("GIF", "WebP", "PNG"):
        options = {"lossless": True} if format_ == "WebP" else {}
        content = encoded(frames[0], format_, save_all=True, append_images=frames[1:], **options)
        assert decoded(content)[0, 0].tolist() == list(RED)


def test_first_page_of_a_tiff():
    pages = [Image.new("RGB", (8, 8), colour) for colour in (RED, GREEN)]
    content = encoded(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    assert decoded(content)[0, 0].tolist() == list(RED)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "TIFF", "WebP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(format_, orientation):
    upright = Image.fromarray(quarters())
    # What a camera held that way would have stored, by EXIF 2.32, table of the tag Orientation.
    stored = {
        1: lambda i: i,
        2: lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
        3: lambda i: i.rotate(180),
        4: lambda i: i.transpose(Image.Transpose.FLIP_TOP_BOTTOM),
        5: lambda i: i.transpose(Image.Transpose.TRANSPOSE),
        6: lambda i: i.rotate(90, expand=True),
        7: lambda i: i.transpose(Image.Transpose.TRANSVERSE),
        8: lambda i: i.rotate(270, expand=True),
    }[orientation](upright)
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if format_ == "WebP" else {}
    if format_ == "JPEG":
        options = {"quality": 100, "subsampling": 0}
    image = decoded(encoded(stored, format_, exif=exif, **options))
    assert image.shape == (16, 32, 3)
    assert np.abs(image.astype(int) - quarters()).max() < 8


def test_damaged_exif_does_not_spoil_good_pixels():
    content = encoded(picture(1), exif=b"Exif\0\0II*\0\xff\xff\xff\x7f garbage")
    assert decoded(content).shape == picture(1).shape


def test_grey_is_repeated():
    grey = picture(1)[..., 0]
    assert np.array_equal(decoded(encoded(grey, "PNG")), np.repeat(grey[..., None], 3, -1))


def test_one_bit_is_black_and_white():
    image = Image.fromarray(picture(1)).convert("1")
    for format_ in ("PNG", "TIFF", "BMP"):
        assert np.array_equal(decoded(encoded(image, format_)), np.asarray(image.convert("RGB")))


def test_transparency_is_on_white():
    rgba = np.dstack([quarters(), np.full((16, 32), 255, np.uint8)])
    rgba[0, 0] = (0, 0, 0, 0)
    rgba[0, 1] = (0, 0, 0, 128)
    for format_ in ("PNG", "WebP", "TIFF"):
        options = {"lossless": True, "exact": True} if format_ == "WebP" else {}
        image = decoded(encoded(rgba, format_, **options))
        assert image[0, 0].tolist() == [255, 255, 255]
        assert np.abs(image[0, 1].astype(int) - 127).max() <= 1
        assert image[4, 4].tolist() == list(RED)


def test_grey_with_transparency():
    image = Image.new("LA", (4, 4), (100, 255))
    image.putpixel((0, 0), (100, 0))
    pixels = decoded(encoded(image, "PNG"))
    assert pixels[0, 0].tolist() == [255] * 3
    assert pixels[1, 1].tolist() == [100] * 3


def test_palette():
    image = Image.fromarray(quarters()).quantize(8)
    assert np.array_equal(decoded(encoded(image, "PNG")), np.asarray(image.convert("RGB")))


@pytest.mark.parametrize("transparency", [1, b"\xff\x00\xff"])
def test_palette_with_transparency_is_on_white(transparency):
    image = Image.new("P", (4, 4), 0)
    image.putpalette([*RED, *GREEN, 1, 2, 3])
    image.putpixel((2, 0), 1)
    pixels = decoded(encoded(image, "PNG", transparency=transparency))
    assert pixels[0, 0].tolist() == list(RED)
    assert pixels[0, 2].tolist() == [255] * 3


def test_transparent_gif_is_on_white():
    image = Image.new("P", (4, 4), 0)
    image.putpalette([*RED, *GREEN])
    image.putpixel((2, 0), 1)
    pixels = decoded(encoded(image, "GIF", transparency=1))
    assert pixels[0, 0].tolist() == list(RED)
    assert pixels[0, 2].tolist() == [255] * 3


@pytest.mark.parametrize("kind", [0, 2])
def test_png_with_a_transparent_colour(kind):
    raw = b"\0\x40" if kind == 0 else b"\0\x40\0\x40\0\x40"
    body = struct.pack(">I", len(raw)) + b"tRNS" + raw
    chunk = body + struct.pack(">I", zlib.crc32(b"tRNS" + raw))
    row = bytes([0x40, 0x80]) if kind == 0 else bytes([0x40] * 3 + [0x80] * 3)
    pixels = decoded(png(2, 1, 8, kind, [row], chunk))
    assert pixels.tolist() == [[[255] * 3, [128] * 3]]


def test_cmyk_jpeg():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    red = decoded(encoded(image, quality=95))[8, 8].astype(int)
    assert np.abs(red - [255, 0, 0]).max() < 10


def test_16_bit_grey_is_scaled():
    grey = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
    expected = np.round(grey / 257)
    for format_ in ("PNG", "TIFF"):
        pixels = decoded(encoded(Image.fromarray(grey), format_))
        assert np.array_equal(pixels, np.repeat(expected[..., None], 3, -1))


def test_16_bit_big_endian_tiff():
    grey = np.linspace(0, 65535, 64).reshape(8, 8).astype(">u2")
    tags = [(256, 8), (257, 8), (258, 16), (259, 1), (262, 1), (273, 8), (277, 1), (278, 8)]
    tags.append((279, 128))
    directory = b"".join(struct.pack(">HHIHH", tag, 3, 1, value, 0) for tag, value in tags)
    content = struct.pack(">2sHI", b"MM", 42, 8 + 128) + grey.tobytes()
    content += struct.pack(">H", len(tags)) + directory + b"\0\0\0\0"
    assert np.array_equal(decoded(content)[..., 0], np.round(grey / 257))


@pytest.mark.parametrize(("kind", "channels"), [(2, 3), (4, 2), (6, 4)])
def test_16_bits_a_channel_in_png(kind, channels):
    values = [0x00FF, 0x8080, 0xFFFF, 0xFFFF][:channels]
    if kind == 4:
        values = [0x8080, 0xFFFF]
    pixels = decoded(png(1, 1, 16, kind, [struct.pack(f">{channels}H", *values)]))
    expected = [128] * 3 if kind == 4 else [1, 128, 255]
    assert np.abs(pixels[0, 0].astype(int) - expected).max() <= 1


def test_32_bit_pixels_are_refused():
    for dtype in (np.int32, np.float32):
        content = encoded(Image.fromarray(np.ones((4, 4), dtype)), "TIFF")
        with pytest.raises(BadImageError, match=r"a\.img has signed or 32-bit numbers"):
            decoded(content)


def test_header_says_what_is_stored():
    content = encoded(picture(1), "PNG")
    assert read_header(io.BytesIO(content), "a.png", LIMIT) == ("PNG", "RGB", 48, 40, False)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WebP", "BMP", "TIFF", "GIF"])
def test_pixel_limit_is_checked_in_every_format(format_):
    content = encoded(picture(1), format_)
    assert read_header(io.BytesIO(content), "a", 48 * 40).width == 48
    with pytest.raises(BadImageError, match="48×40 pixels, more than the limit of 1,919"):
        read_header(io.BytesIO(content), "a", 48 * 40 - 1)
    with pytest.raises(BadImageError, match="limit"):
        decode(io.BytesIO(content), "a", 48 * 40 - 1)


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0"}])
def test_webp_is_measured_before_pillow_sees_it(options, monkeypatch):
    content = encoded(picture(1, 300, 200), "WebP", **options)
    monkeypatch.setattr(Image, "open", lambda *_, **__: pytest.fail("it was opened"))
    with pytest.raises(BadImageError, match="300×200"):
        read_header(io.BytesIO(content), "a", 300)
