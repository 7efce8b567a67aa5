"""Class folders: which files are images, which are left out, and what is refused."""

from __future__ import annotations

import os

import pytest

from spaces.errors import DataError
from tests.trainables.datasets.pictures import class_folders, encoded, picture, write
from tests.trainables.datasets.reading import ignored, read
from trainables.datasets.files.scanning import natural

JPEG = encoded(picture(99))


def test_what_systems_leave_behind_is_left_out_and_told(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 2)
    for name in (
        "class_0/.hidden.jpg",
        "class_0/._1.jpg",
        "class_0/Thumbs.db",
        "class_0/thumbs.DB",
        "class_0/.cache/1.jpg",
        "__MACOSX/class_0/._1.jpg",
        ".git/config",
        "class_1/__MACOSX/x.jpg",
    ):
        write(root / name, JPEG)
    index = read(root)
    assert index.class_names == ("class_0", "class_1")
    assert len(index.keys) == 4
    assert set(ignored(index)) == {
        "class_0/.hidden.jpg",
        "class_0/._1.jpg",
        "class_0/Thumbs.db",
        "class_0/thumbs.DB",
        "class_0/.cache",
        "__MACOSX",
        ".git",
        "class_1/__MACOSX",
    }


def test_other_files_are_left_out_and_images_are_known_by_their_content(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 1)
    write(root / "class_0" / "notes.txt", b"hello")
    write(root / "class_0" / "no_extension", JPEG)
    write(root / "class_0" / "UPPER.JPG", JPEG)
    write(root / "class_0" / "deep" / "er" / "a.webp", encoded(picture(98), "WebP"))
    write(root / "stray.jpg", JPEG)
    write(root / "README", b"hello")
    index = read(root)
    assert set(index.keys) == {
        "class_0/0.jpg",
        "class_0/UPPER.JPG",
        "class_0/deep/er/a.webp",
        "class_0/no_extension",
        "class_1/0.jpg",
    }
    assert ignored(index) == {
        "class_0/notes.txt": "is not an image",
        "stray.jpg": "is in no class folder",
        "README": "is in no class folder",
    }


def test_order_is_natural():
    names = ["img10", "img2", "IMG1", "img", "10", "9", "a10b2", "a10b10", "a2"]
    expected = ["9", "10", "a2", "a10b2", "a10b10", "img", "IMG1", "img2", "img10"]
    assert sorted(names, key=natural) == expected


def test_keys_are_in_natural_order(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 12)
    assert read(root).keys[:12] == tuple(f"class_0/{number}.jpg" for number in range(12))


def test_links_stay_within_the_dataset(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 2)
    outside = write(tmp_path / "outside.jpg", JPEG)
    folder = root / "class_0"
    (folder / "inside.jpg").symlink_to(folder / "0.jpg")
    (folder / "outside.jpg").symlink_to(outside)
    (folder / "around").symlink_to(root)
    (root / "class_2").symlink_to(tmp_path)
    (folder / "gone").symlink_to(folder / "nowhere")
    os.mkfifo(folder / "pipe.jpg")
    (folder / "to_pipe.jpg").symlink_to(folder / "pipe.jpg")
    index = read(root)
    assert set(index.keys[:3]) == {"class_0/0.jpg", "class_0/1.jpg", "class_0/inside.jpg"}
    assert index.class_names == ("class_0", "class_1")
    assert ignored(index) == {
        "class_0/outside.jpg": "is a link that leads out of the dataset",
        "class_0/around": "is a link to a folder",
        "class_2": "is a link to a folder",
        "class_0/gone": "is a broken link",
        "class_0/pipe.jpg": "is not a file",
        "class_0/to_pipe.jpg": "is not a file",
    }


def test_the_dataset_itself_may_be_a_link(tmp_path):
    class_folders(tmp_path / "photos", 2, 2)
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    assert len(read(tmp_path / "link").keys) == 4


def test_empty_class_folders_are_no_classes(tmp_path):
    root = class_folders(tmp_path / "photos", 3, 2)
    (root / "class_10").mkdir()
    write(root / "class_11" / "notes.txt", b"x")
    index = read(root)
    assert index.class_names == ("class_0", "class_1", "class_2")
    assert index.empty_classes == ("class_10", "class_11")


@pytest.mark.parametrize(
    ("classes", "images", "expected"),
    [(1, 3, "has only one class, 'class_0'"), (2, 0, "has no images"), (0, 0, "has no images")],
)
def test_fewer_than_two_classes_are_refused(tmp_path, classes, images, expected):
    root = class_folders(tmp_path, classes, images)
    for label in range(classes):
        (root / f"class_{label}").mkdir(exist_ok=True)
    with pytest.raises(DataError, match=rf"{expected}.*Expected a folder, or a zip"):
        read(root)


def test_a_file_is_no_folder(tmp_path):
    path = write(tmp_path / "a.jpg", JPEG)
    with pytest.raises(DataError, match=r"is a file\. Expected a folder"):
        read(path)


def test_names_that_are_no_text_are_escaped(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 1)
    path = os.fsencode(root / "class_0") + b"/caf\xe9.jpg"
    with open(path, "wb") as file:
        file.write(JPEG)
    index = read(root)
    assert r"class_0/caf\xe9.jpg" in index.keys
    assert index.read(index.keys.index(r"class_0/caf\xe9.jpg")).shape == (40, 48, 3)
    index.keys[1].encode()


def test_class_names_come_from_the_study(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 1)
    assert read(root, class_names={"class_1": "rose"}).class_names == ("class_0", "rose")
    same = read(root).fingerprint
    assert read(root, class_names={"class_1": "rose"}).fingerprint == same
    with pytest.raises(DataError, match="names 'tulip', but the dataset has 'class_0'"):
        read(root, class_names={"tulip": "Tulip"})
    with pytest.raises(DataError, match="Two classes are called 'class_0'"):
        read(root, class_names={"class_1": "class_0"})


def test_dropped_classes_are_not_even_looked_at(tmp_path):
    root = class_folders(tmp_path / "photos", 3, 2)
    index = read(root, drop_classes=["class_1", "not there"])
    assert index.class_names == ("class_0", "class_2")
    assert ignored(index) == {"class_1/": "is dropped by the study"}


def test_set_folders_are_no_classes(tmp_path):
    for name in ("train", "val"):
        class_folders(tmp_path / name, 2, 2)
    with pytest.raises(DataError, match="set format: split_folders"):
        read(tmp_path)
