"""Where a dataset is looked for, and what is said when it is not there."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaces.errors import DataError
from spaces.studies.dataset import FORMATS, DatasetSection
from tests.trainables.datasets.dataset_formats import FORMATS as WRITERS
from tests.trainables.datasets.pictures import class_folders, write
from trainables.datasets.files import location
from trainables.datasets.files.location import LAYOUTS, SOURCES, locate, located
from trainables.datasets.files.remote import as_url
from trainables.datasets.rows.loading import read_splits


def section(**keys):
    return DatasetSection(**({"format": "folders"} | keys))


def test_data_comes_before_path_and_path_before_the_environment(tmp_path, monkeypatch):
    given, written, own = (tmp_path / name for name in ("given", "written", "flowers"))
    for folder in (given, written, own):
        class_folders(folder, 2, 1)
    monkeypatch.setenv("THAWTUNE_DATA", str(tmp_path))
    assert locate(section(path=str(written)), "flowers", given) == given
    assert locate(section(path=str(written)), "flowers") == written
    assert locate(section(), "flowers") == own
    assert locate(section(name="written"), "flowers") == written


def test_data_that_is_not_there_is_not_made_up_for(tmp_path, monkeypatch):
    class_folders(tmp_path / "flowers", 2, 1)
    monkeypatch.setenv("THAWTUNE_DATA", str(tmp_path))
    with pytest.raises(DataError, match="nowhere"):
        locate(section(), "flowers", tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["fashion-mnist", "fashion_mnist.zip", "fashion-mnist.tar.gz"])
def test_spellings_and_archives_beneath_the_environment(tmp_path, monkeypatch, name):
    monkeypatch.setenv("THAWTUNE_DATA", str(tmp_path))
    path = tmp_path / name
    path.mkdir() if "." not in name else write(path, b"")
    assert locate(section(format="idx"), "fashion_mnist") == path


def test_a_folder_with_one_archive_stands_for_it(tmp_path):
    archive = write(tmp_path / "cifar" / "cifar-10-binary.tar.gz", b"")
    write(tmp_path / "cifar" / ".DS_Store", b"")
    assert locate(section(format="cifar10", path=str(tmp_path / "cifar"))) == archive


def test_home_is_understood(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "photos").mkdir()
    assert locate(section(path="~/photos")) == tmp_path / "photos"


def test_kerass_own_folders(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    cifar = tmp_path / "datasets" / "cifar-10-batches-py-target" / "cifar-10-batches-py"
    form = next(form for form in WRITERS if form.name == "cifar10 python")
    form.write(cifar.parent)
    assert locate(section(format="cifar10"), "my study") == cifar
    index, _ = read_splits(section(format="cifar10"))
    assert len(index.keys) == 120


def test_debians_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(location, "_DEBIAN", tmp_path)
    form = next(form for form in WRITERS if form.name == "idx gzip")
    form.write(tmp_path / "fashion-mnist")
    assert locate(section(format="idx"), "fashion_mnist") == tmp_path / "fashion-mnist"


def test_located_fixes_where_it_is(tmp_path, monkeypatch):
    root = class_folders(tmp_path / "flowers", 3, 10)
    monkeypatch.setenv("THAWTUNE_DATA", str(tmp_path))
    fixed = located(section(), "flowers")
    monkeypatch.delenv("THAWTUNE_DATA")
    assert fixed.path == str(root)
    assert len(read_splits(fixed)[0].keys) == 30


def test_digits_are_nowhere(tmp_path):
    digits = section(format="digits")
    assert located(digits, "digits") == digits
    with pytest.raises(DataError, match="nothing to read from --data"):
        located(digits, "digits", tmp_path)


@pytest.mark.parametrize("format_", [f for f in FORMATS if f not in ("digits", "tfds")])
def test_not_found_says_how_it_has_to_look_and_what_to_do(format_):
    with pytest.raises(DataError) as refused:
        locate(section(format=format_), "some_study")
    message = str(refused.value)
    assert LAYOUTS[format_] in message
    for word in ("--data", "dataset.path", "THAWTUNE_DATA", "some_study"):
        assert word in message


@pytest.mark.parametrize("name", SOURCES)
def test_not_found_says_where_to_get_what_is_known(name, monkeypatch, tmp_path):
    monkeypatch.setattr(location, "_DEBIAN", tmp_path)
    monkeypatch.setenv("THAWTUNE_DATA", str(tmp_path / "data"))
    with pytest.raises(DataError) as refused:
        locate(section(), name)
    message = str(refused.value)
    assert SOURCES[name] in message
    assert str(tmp_path / "data" / name) in message
    assert message.startswith(f"{name} is not at ")


def test_there_is_a_layout_for_every_format():
    assert set(LAYOUTS) == set(FORMATS)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("s3://bucket/photos?scheme=http", "s3://bucket/photos?scheme=http"),
        (Path("s3://bucket/photos"), "s3://bucket/photos"),
        (Path("gs://bucket"), "gs://bucket"),
        ("file:///data/photos", "file:///data/photos"),
        ("/data/s3:/photos", None),
        ("photos", None),
        ("", None),
    ],
)
def test_urls_are_told_from_paths(path, expected):
    assert as_url(path) == expected


def test_a_dataset_at_a_url_is_copied_once_and_brought_up_to_date(tmp_path, own_cache):
    root = class_folders(tmp_path / "photos", 2, 3)
    section = located(DatasetSection(format="folders", path=root.as_uri()))
    assert section.path == root.as_uri()
    copy = locate(section)
    assert copy.is_relative_to(own_cache)
    kept = (copy / "class_1" / "1.jpg").stat().st_ino
    (root / "class_0" / "0.jpg").unlink()
    write(root / "class_1" / "new.jpg", b"x")
    assert locate(section) == copy
    names = {path.relative_to(copy).as_posix() for path in copy.rglob("*.jpg")}
    assert names == {path.relative_to(root).as_posix() for path in root.rglob("*.jpg")}
    assert (copy / "class_1" / "1.jpg").stat().st_ino == kept
    with pytest.raises(DataError, match=r"There is nothing at file:.*/nowhere"):
        locate(DatasetSection(format="folders", path=f"{root.as_uri()}/nowhere"))
