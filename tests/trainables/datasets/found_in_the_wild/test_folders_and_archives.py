"""Folders and archives as people have them: links, sets, folds, names in a zip."""

from __future__ import annotations

import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import class_folders, encoded, picture, write
from tests.trainables.datasets.reading import examined, ignored, read
from trainables.datasets.formats.recognise import recognise
from trainables.datasets.preflight.examine import preflight


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
