"""Labels in a table beside the images, as people write them."""

from __future__ import annotations

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import encoded, picture, write
from tests.trainables.datasets.reading import ignored, read
from trainables.datasets.formats.recognise import recognise

NAMES = [f"IMG {n}.jpg" for n in range(6)]


@pytest.fixture
def photos(tmp_path):
    """Six images in a folder; the table is to be written beside it."""
    for number, name in enumerate(NAMES):
        write(tmp_path / "data" / "photos" / name, encoded(picture(number)))
    return tmp_path / "data"


def labels(index):
    found = zip(index.keys, index.labels, strict=True)
    return {key: index.class_names[label] for key, label in found}


EXPECTED = {f"photos/{name}": "ab"[n % 2] for n, name in enumerate(NAMES)}


def lines(separator=",", header=("image", "label"), image=lambda name: name, quote=""):
    rows = [header] if header else []
    rows += [(image(name), "ab"[n % 2]) for n, name in enumerate(NAMES)]
    return "\n".join(separator.join(f"{quote}{cell}{quote}" for cell in row) for row in rows)


TABLES = {
    "names in the only folder": ("t.csv", lines()),
    "relative paths": ("t.csv", lines(image=lambda n: f"photos/{n}")),
    "dots and backslashes": ("t.csv", lines(image=lambda n: f".\\photos\\{n}")),
    "absolute paths of another machine": ("t.csv", lines(image=lambda n: f"/home/a/photos/{n}")),
    "without endings, as on Kaggle": (
        "train_labels.csv",
        lines(header=("id", "breed"), image=lambda n: n[:-4]),
    ),
    "endings in upper case": ("t.csv", lines(image=str.upper)),
    "semicolons": ("t.csv", lines(";")),
    "tabs": ("t.tsv", lines("\t")),
    "tabs in a file that is called csv": ("t.csv", lines("\t")),
    "quotes": ("t.csv", lines(quote='"')),
    "byte order mark": ("t.csv", "\ufeff" + lines()),
    "carriage returns": ("t.csv", lines().replace("\n", "\r\n")),
    "no header": ("t.csv", lines(header=None)),
    "no header, spaces between": (
        "t.txt",
        "\n".join(line.replace("IMG ", "photos/IMG ") for line in lines("\t", None).split("\n")),
    ),
    "an index of pandas": (
        "t.csv",
        "\n".join(f"{n - 1 if n else ''},{line}" for n, line in enumerate(lines().split("\n"))),
    ),
    "column names with capitals and spaces": ("t.csv", lines(header=("Image Name", "Class"))),
    "JSON lines": (
        "t.jsonl",
        "\n".join(json.dumps({"file_name": n, "label": "ab"[i % 2]}) for i, n in enumerate(NAMES)),
    ),
    "a list in JSON": (
        "t.json",
        json.dumps([{"file": n, "category": "ab"[i % 2]} for i, n in enumerate(NAMES)]),
    ),
    "a mapping in JSON": ("t.json", json.dumps({n: "ab"[i % 2] for i, n in enumerate(NAMES)})),
    "a column for each class": (
        "t.csv",
        "\n".join(["image,a,b", *(f"{n},{1 - i % 2}.0,{i % 2}.0" for i, n in enumerate(NAMES))]),
    ),
    "a fold and an identifier beside the label": (
        "t.csv",
        "\n".join(
            ["patient_id,fold,image,kind"]
            + [f"{i // 2},{i % 3},{n},{'ab'[i % 2]}" for i, n in enumerate(NAMES)]
        ),
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_are_read_as_people_write_them(photos, case):
    name, text = TABLES[case]
    write(photos / name, text.encode())
    assert recognise(photos).format == "table"
    assert labels(read(photos, "table")) == EXPECTED
    assert labels(read(photos / name, "table")) == EXPECTED


@pytest.mark.parametrize("coding", ["utf-16", "cp1252", "utf-8"])
def test_encodings_of_text(photos, coding):
    write(photos / "t.csv", lines().replace(",a", ",café").encode(coding))
    assert set(read(photos, "table").class_names) == {"b", "café"}


def test_a_table_in_parquet(photos):
    pq.write_table(
        pa.table({"path": NAMES, "label": [True, False] * 3, "fold": [0, 1, 2] * 2}),
        photos / "t.parquet",
    )
    assert recognise(photos).format == "table"
    assert read(photos, "table").class_names == ("false", "true")


def test_columns_can_be_named(photos):
    rows = [f"{n},{'ab'[i % 2]},{'xyz'[i % 3]}" for i, n in enumerate(NAMES)]
    write(photos / "t.csv", "\n".join(["image,quality,shape", *rows]).encode())
    with pytest.raises(DataError, match=r"no column that is clearly the label.*quality, shape"):
        read(photos, "table")
    assert read(photos, "table", label_column="shape").class_names == ("x", "y", "z")
    with pytest.raises(DataError, match="has no label column 'form'"):
        read(photos, "table", label_column="form")


def test_a_split_column_and_tables_named_after_sets_are_published_sets(photos):
    sets = ["train", "train", "train", "Val", "test", "test"]
    rows = [f"{n},{'ab'[i % 2]},{sets[i]}" for i, n in enumerate(NAMES)]
    write(photos / "t.csv", "\n".join(["image,label,split", *rows]).encode())
    expected = ("train",) * 3 + ("validation", "test", "test")
    assert read(photos, "table").subsets == expected
    (photos / "t.csv").unlink()
    write(photos / "train.csv", "\n".join(["image,label", *(r[:-6] for r in rows[:2])]).encode())
    write(photos / "test.csv", f"image,label\n{NAMES[4]},a\n{NAMES[5]},b".encode())
    write(photos / "sample_submission.csv", f"image,label\n{NAMES[4]},b".encode())
    assert read(photos, "table").subsets == ("test", "test", "train", "train")
    unknown = "\n".join(["image,label,part", *(r.replace("Val", "x") for r in rows)])
    write(photos / "t2.csv", unknown.encode())
    with pytest.raises(DataError, match="The column 'part' of .* has x; expected train"):
        read(photos / "t2.csv", "table", split_column="part")


def test_several_tables_are_a_choice(photos):
    for name in ("one.csv", "two.csv"):
        write(photos / name, lines().encode())
    with pytest.raises(DataError, match=r"several tables of labels: one\.csv, two\.csv\. Name one"):
        read(photos, "table")
    assert labels(read(photos, "table", table="two.csv")) == EXPECTED


def test_missing_images_and_contradictions_are_named(photos):
    write(photos / "t.csv", (lines() + f"\nnone.jpg,a\n{NAMES[0]},b").encode())
    with pytest.raises(DataError) as refused:
        read(photos, "table")
    assert "row 7 of t.csv names 'none.jpg', which is not there" in str(refused.value)
    assert "row 8 of t.csv gives 'IMG 0.jpg' another label, set or group (b)" in str(refused.value)


def test_rows_without_a_label_and_images_without_a_row_are_told(photos):
    write(photos / "photos" / "more.jpg", encoded(picture(99)))
    write(photos / "t.csv", lines().replace(f"{NAMES[2]},a", f"{NAMES[2]},").encode())
    index = read(photos, "table")
    assert len(index.keys) == 5
    assert ignored(index)["t.csv"] == "has 1 rows without a label"
    assert ignored(index)["photos/more.jpg"] == "is in no row of the table"


def test_missing_images_are_left_out_with_skip_bad(photos):
    write(photos / "t.csv", (lines() + "\nnone.jpg,a").encode())
    index = read(photos, "table", skip_bad=True)
    assert labels(index) == EXPECTED
    assert ignored(index)["t.csv row 7"] == "names 'none.jpg', not there"


def test_the_same_name_in_two_folders_is_told_by_the_folder(tmp_path):
    for number, folder in enumerate(("x", "y")):
        for image in range(2):
            write(tmp_path / folder / f"{image}.png", encoded(picture(number * 9 + image), "PNG"))
    rows = [f"{folder}/{n}.png,{label}" for folder in "xy" for n, label in enumerate("ab")]
    write(tmp_path / "t.csv", "\n".join(["file,label", *rows]).encode())
    assert labels(read(tmp_path, "table")) == {
        "x/0.png": "a",
        "x/1.png": "b",
        "y/0.png": "a",
        "y/1.png": "b",
    }


def no_text() -> bytes:
    """Parquet with a column of text whose bytes are not UTF-8, as damage leaves it."""
    offsets, content = pa.array([0, 2, 4], pa.int32()).buffers()[1], pa.py_buffer(b"\xb0\xb0ab")
    names = pa.StringArray.from_buffers(2, offsets, content)
    sink = io.BytesIO()
    pq.write_table(pa.table({"image": names, "label": ["a", "b"]}), sink)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("t.csv", b"", "is empty"),
        ("t.csv", b"a,b\n", "has no rows"),
        ("t.csv", b"image,label\nnope.jpg,a\n", "names none of the images beside it"),
        (
            "t.csv",
            b"image,label\n" + b"x,a\n" * 20 + b"a,b,c,d\n",
            "has 4 values in row 22, but its header has 2",
        ),
        ("t.jsonl", b"{]", "cannot be read as JSON"),
        ("t.json", b"3", "is no table"),
        ("t.parquet", b"PAR1", "cannot be read as Parquet"),
        ("t.parquet", no_text(), "cannot be read as Parquet: 'utf-8' codec"),
        ("t.csv", b"image,label\n\0\0", "zero bytes"),
    ],
)
def test_what_is_no_table_is_a_sentence(photos, name, content, expected):
    write(photos / name, content)
    with pytest.raises(DataError, match=expected):
        read(photos / name, "table")


@pytest.mark.parametrize("absolute", [True, False])
def test_images_outside_of_the_table_s_folder_are_followed_if_the_study_says_so(photos, absolute):
    there = photos / "photos" if absolute else "../data/photos"
    table = write(photos.parent / "lists" / "t.csv", lines(image=lambda n: f"{there}/{n}").encode())
    with pytest.raises(DataError, match="names none of the images beside it: .* follow_links: tr"):
        read(table, "table")
    found = recognise(table)
    assert found.follow_links
    index = read(table, "table", follow_links=True)
    assert index.keys[1] == str(photos / "photos" / NAMES[1])
    assert index.labels.tolist() == [0, 1] * 3
    assert index.read(5).shape == (40, 48, 3)


def test_classes_can_be_dropped_and_columns_group(photos):
    rows = [f"{n},{'abc'[i % 3]},p{i // 2}" for i, n in enumerate(NAMES)]
    write(photos / "t.csv", "\n".join(["image,label,patient", *rows]).encode())
    index = read(photos, "table", drop_classes=["c"], group={"column": "patient"})
    assert index.class_names == ("a", "b")
    assert index.groups == ("p0", "p0", "p1", "p2")
    with pytest.raises(DataError, match="has no column 'plant' to group by"):
        read(photos, "table", group={"column": "plant"})


def test_a_section_names_columns_only_where_there_are_some():
    with pytest.raises(ValueError, match=r"group\.column is only for formats parquet and table"):
        DatasetSection(format="folders", group={"column": "patient"})
