"""Datasets as people have them: each is read right, or refused or warned of in a sentence."""

from __future__ import annotations

import io
import json
import struct
import sys
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from spaces.dataset import DatasetSection
from spaces.errors import DataError
from tests.trainables.datasets.pictures import class_folders, encoded, picture, write
from tests.trainables.datasets.reading import ignored, read
from trainables.datasets.files import headers
from trainables.datasets.files.content_types import image_format
from trainables.datasets.files.decoding import decode
from trainables.datasets.files.headers import BadImageError
from trainables.datasets.formats.recognise import recognise
from trainables.datasets.preflight.examine import examine, preflight


def examined(root, **keys):
    return examine(recognise(root).model_copy(update=keys), "photos")


# Files that are images, and files that are not


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


# 16 bits, pages


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


# Archives


def members():
    return {f"class_{c}/{n}.jpg": encoded(picture(c * 100 + n)) for c in range(2) for n in range(6)}


def zipped(path, name=lambda name: name):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as archive:
        for key, content in members().items():
            info = zipfile.ZipInfo("x")
            info.filename = name(key)
            archive.writestr(info, content)
    return path


@pytest.mark.parametrize("given", ["folder", "link"])
def test_an_archive_behind_a_link_is_unpacked(tmp_path, given):
    zipped(tmp_path / "blobs" / "ab12")
    link = tmp_path / "data.zip"
    link.symlink_to("blobs/ab12")
    index = read(recognise(tmp_path if given == "folder" else link).path)
    assert index.class_names == ("class_0", "class_1")
    assert len(index.keys) == 12


def test_parquet_behind_links_keeps_its_names(tmp_path):
    """As the cache of huggingface_hub has it: names are links to files named after digests."""
    for number, name in enumerate(("train-0.parquet", "test-0.parquet")):
        rows = [encoded(picture(number * 50 + n), "PNG") for n in range(8)]
        table = pa.table({"image": rows, "label": [0, 1] * 4})
        blob = tmp_path / "blobs" / str(number)
        blob.parent.mkdir(exist_ok=True)
        pq.write_table(table, blob)
        (tmp_path / "snapshot" / "data").mkdir(parents=True, exist_ok=True)
        (tmp_path / "snapshot" / "data" / name).symlink_to(blob)
    index = read(tmp_path / "snapshot", "parquet")
    assert set(index.subsets) == {"train", "test"}
    assert read(tmp_path / "snapshot/data/train-0.parquet", "parquet").keys[0].startswith("train-0")


def test_backslashes_in_a_zip_are_folders(tmp_path):
    path = zipped(tmp_path / "data.zip", lambda name: name.replace("/", "\\"))
    assert read(recognise(path).path).class_names == ("class_0", "class_1")


@pytest.mark.parametrize("coding", ["utf-8", "cp437"])
def test_names_in_a_zip_that_do_not_say_their_encoding(tmp_path, coding):
    path = zipped(tmp_path / "data.zip", lambda name: name.replace("class_0", "cafXX"))
    word = "cafß".encode(coding)  # two bytes in UTF-8 keep the length of the header
    if coding == "cp437":
        word += b"_"
    path.write_bytes(path.read_bytes().replace(b"cafXX", word))
    assert read(path).class_names[0] == word.decode(coding)


# Class folders


def test_sets_are_not_taken_for_classes(tmp_path):
    for number, name in enumerate(("train", "test", "extra")):
        class_folders(tmp_path / name, 2, 6, first=number * 100)
    with pytest.raises(DataError) as refused:
        read(tmp_path)
    assert "has the folders extra, test, train, and each of them has class_0, class_1" in str(
        refused.value
    )
    assert "format: split_folders" in str(refused.value)
    found = examined(tmp_path)
    assert found.format == "split_folders"
    assert "1 is left out because it is not one of the sets (extra/)" in found.warnings[0]


def test_folds_are_not_taken_for_classes(tmp_path):
    for number in range(3):
        class_folders(tmp_path / f"fold{number}", 2, 4, first=number * 100)
    with pytest.raises(DataError, match="has the folders fold0, fold1, fold2, and each of them"):
        read(tmp_path)


def test_classes_may_have_folders_of_the_same_names(tmp_path):
    for number, name in enumerate(("cat", "dog")):
        class_folders(tmp_path / name, 2, 4, first=number * 100)
    assert read(tmp_path).class_names == ("cat", "dog")


def test_all_small_classes_are_named_with_their_true_counts(tmp_path):
    root = class_folders(tmp_path, 3, 12)
    for name, count in {"single": 1, "pair": 2, "alike": 4}.items():
        for number in range(count):
            seed = 700 + 10 * len(name) + (number > 2 if name == "alike" else number)
            write(root / name / f"{number}.jpg", encoded(picture(seed)))
    with pytest.raises(DataError) as refused:
        preflight(DatasetSection(format="folders", path=str(root)), "photos")
    message = str(refused.value)
    assert "3 of 6 classes have fewer than 3 different images" in message
    assert "'alike' has 2, 'pair' has 2, 'single' has 1." in message
    assert "drop_classes: [alike, pair, single]" in message
    kept = DatasetSection(
        format="folders", path=str(root), drop_classes=["alike", "pair", "single"]
    )
    assert len(preflight(kept, "photos").class_names) == 3


def test_links_are_followed_where_the_study_says_so(tmp_path):
    """DVC and git-annex keep the files elsewhere; class folders may be links as well."""
    store = class_folders(tmp_path / "store", 2, 6)
    root = tmp_path / "data"
    (root / "class_0").mkdir(parents=True)
    for number in range(6):
        (root / "class_0" / f"{number}.jpg").symlink_to(store / "class_0" / f"{number}.jpg")
    (root / "class_1").symlink_to(store / "class_1")
    (root / "class_0" / "around").symlink_to(root)
    with pytest.raises(DataError, match=r"6 are left out because each is a link that .*follow_li"):
        read(root)
    index = read(root, follow_links=True)
    assert index.class_names == ("class_0", "class_1")
    assert len(index.keys) == 12
    assert ignored(index)["class_0/around"] == "is a link to a folder that it is in"


def test_leaks_that_are_allowed_are_told(tmp_path):
    for number, name in enumerate(("train", "test")):
        class_folders(tmp_path / name, 2, 8, first=number * 100)
    write(tmp_path / "test" / "class_0" / "same.jpg", encoded(picture(3)))
    refused, allowed = examined(tmp_path), examined(tmp_path, allow_leaks=True)
    assert "allow_leaks: true" in refused.errors[0]
    assert not allowed.errors
    assert allowed.leaks
    assert "Leakage in the published sets: 1 image is in more than one" in allowed.warnings[0]


# Parquet


def parquet(path, columns, names=None, images=None):
    count = len(next(iter(columns.values())))
    images = images or [{"bytes": encoded(picture(n), "PNG"), "path": None} for n in range(count)]
    table = pa.Table.from_pandas(pd.DataFrame({"image": images, **columns}))
    if names is not None:
        features = {"label": {"_type": "ClassLabel", "names": names}, "image": {"_type": "Image"}}
        about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
        table = table.replace_schema_metadata(about)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


FOLD = [n % 5 for n in range(20)]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"label": [0.0, 1.0] * 10}, ("0", "1")),
        ({"label": [float("nan"), 1.0, 0.0, 1.0] * 5}, ("0", "1")),
        ({"label": [False, True] * 10}, ("false", "true")),
        ({"label": [-1, 1] * 10}, ("-1", "1")),
        ({"label": [0.5, 1.0] * 10}, ("0.5", "1")),
        ({"category": ["x", "y"] * 10}, ("x", "y")),
        ({"Category Name": ["x", "y"] * 10, "patient_id": FOLD}, ("x", "y")),
    ],
)
def test_the_label_of_parquet_is_never_the_fold(tmp_path, columns, expected):
    path = parquet(tmp_path / "t.parquet", columns | {"fold": FOLD})
    assert read(path, "parquet").class_names == expected


def test_a_fold_alone_is_no_label(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"fold": FOLD})
    with pytest.raises(DataError, match=r"no column that is clearly the label; .*: fold\. Name"):
        read(path, "parquet")
    assert len(read(path, "parquet", label_column="fold").class_names) == 5


def test_the_index_of_pandas_is_no_label(tmp_path):
    frame = pd.DataFrame(
        {"image": [encoded(picture(n)) for n in range(20)], "kind": ["x", "y"] * 10}
    )
    frame[frame.index > 1].to_parquet(tmp_path / "t.parquet")
    assert read(tmp_path, "parquet").class_names == ("x", "y")


def test_a_class_name_that_no_row_has_is_no_class(tmp_path):
    images = [{"bytes": encoded(picture(n), "PNG"), "path": None} for n in range(20)]
    images[0]["bytes"] = images[0]["bytes"][:200]
    parquet(tmp_path / "t.parquet", {"label": [0, 2] * 10}, ["a", "b", "c"], images)
    found = examined(tmp_path, skip_bad=True)
    assert found.class_names == ("a", "c")
    assert sum(map(sum, found.counts.values())) == 19
    assert "Classes without images are not classes: b." in found.warnings


def test_paths_without_bytes_are_a_sentence(tmp_path):
    images = [{"bytes": None, "path": f"img/{n}.png"} for n in range(20)]
    parquet(tmp_path / "t.parquet", {"label": [0, 1] * 10}, images=images)
    with pytest.raises(DataError, match=r"holds paths such as img/0\.png and no bytes"):
        examined(tmp_path)


def test_parquet_has_split_and_group_columns(tmp_path):
    columns = {"label": [0, 1] * 10, "split": ["train"] * 15 + ["test"] * 5, "plant": FOLD}
    index = read(parquet(tmp_path / "t.parquet", columns), "parquet", group={"column": "plant"})
    assert index.subsets == ("train",) * 15 + ("test",) * 5
    assert index.groups == tuple(map(str, FOLD))
    dropped = read(tmp_path, "parquet", label_column="plant", drop_classes=["3", "4"])
    assert dropped.class_names == ("0", "1", "2")
