"""Image lists: which lines are refused, and which images are in no list."""

from __future__ import annotations

import pytest

from spaces.errors import DataError
from tests.trainables.datasets.dataset_formats import FORMATS
from tests.trainables.datasets.pictures import encoded, picture, write
from tests.trainables.datasets.reading import ignored, read


@pytest.fixture
def caltech(tmp_path):
    form = next(form for form in FORMATS if form.name == "lists")
    form.write(tmp_path)
    return tmp_path


def change(caltech, subset, *lines):
    with (caltech / f"{subset}.txt").open("a") as file:
        file.write("\n".join(lines) + "\n")


def read_lists(caltech):
    return read(caltech, "lists", drop_classes=["BACKGROUND_Google"])


def test_lists_as_windows_writes_them(caltech):
    before = read_lists(caltech).keys
    for name in ("train.txt", "test.txt"):
        text = (caltech / name).read_text().replace("/", "\\").replace("\n", "\r\n")
        (caltech / name).write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert read_lists(caltech).keys == before


def test_an_image_in_both_lists_is_leakage(caltech):
    change(caltech, "test", "anchor/image_0002.jpg")
    with pytest.raises(DataError, match=r"anchor/image_0002\.jpg is in the train list and in the"):
        read_lists(caltech)


def test_an_image_twice_in_a_list(caltech):
    change(caltech, "train", "anchor/image_0002.jpg")
    with pytest.raises(DataError, match="is in the train list twice"):
        read_lists(caltech)


@pytest.mark.parametrize("line", ["../x/1.jpg", "/etc/x.jpg", "image.jpg", "a/../../b/c.jpg"])
def test_lines_that_are_no_image_paths(caltech, line):
    change(caltech, "train", line)
    with pytest.raises(DataError, match=r"train\.txt line 17 is '.*', expected class/image"):
        read_lists(caltech)


def test_images_in_no_list_are_told(caltech):
    write(caltech / "101_ObjectCategories" / "anchor" / "image_9999.jpg", encoded(picture(99)))
    name = "101_ObjectCategories/anchor/image_9999.jpg"
    assert ignored(read_lists(caltech))[name] == "is in no list"


def test_a_validation_list_is_a_published_set(caltech):
    lines = (caltech / "test.txt").read_text().splitlines()
    (caltech / "test.txt").write_text("\n".join(lines[::2]))
    (caltech / "val.txt").write_text("\n".join(lines[1::2]))
    assert set(read_lists(caltech).subsets) == {"train", "validation", "test"}


def test_lists_without_their_images(caltech):
    (caltech / "101_ObjectCategories").rename(caltech.parent / "elsewhere")
    with pytest.raises(DataError, match=r"such as accordion/image_0001\.jpg"):
        read_lists(caltech)


def test_a_missing_list(caltech):
    (caltech / "test.txt").unlink()
    with pytest.raises(DataError, match=r"has no test\.txt"):
        read_lists(caltech)


def test_a_listed_class_that_is_not_trained(caltech):
    change(caltech, "test", "BACKGROUND_Google/image_0001.jpg")
    with pytest.raises(DataError, match=r"images of BACKGROUND_Google, but train\.txt has none"):
        read(caltech, "lists")
