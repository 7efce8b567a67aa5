"""The sets of a run outlive whatever becomes of its folder."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from spaces.errors import ChangedDataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.dataset_formats import idx
from trainables.datasets.preflight.examine import preflight
from trainables.datasets.rows.loading import (
    load_refit_data,
    load_trial_data,
    open_sealed_test,
    read_splits,
    reread,
)
from trainables.datasets.sets.recorded import RecordedSets

SIZE = 8


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three classes of twenty pictures, each of another colour: its pixels say which it is."""
    root = tmp_path / "photos"
    for label, name in enumerate(("ants", "bees", "wasps")):
        for number in range(20):
            paint(root / name / f"{number:02d}.png", (50 + label * 60, 10 * number, 99))
    return root


def paint(path: Path, colour: tuple[int, int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (12, 10), colour).save(path)


def section_of(root: Path) -> DatasetSection:
    return DatasetSection(format="folders", path=str(root))


@pytest.fixture
def section(photos) -> DatasetSection:
    return section_of(photos)


@pytest.fixture
def sets(section) -> RecordedSets:
    return preflight(section, "photos").sets


def colours(images) -> set[tuple[int, ...]]:
    """What each image shows, whatever it is called."""
    return {tuple(pixels[0, 0].tolist()) for pixels in images.pixels}


def key_in(sets: RecordedSets, name: str) -> str:
    return sets.keys[sets.positions(name)[0]]


def test_it_is_the_split_of_the_moment(section, sets):
    index, splits = read_splits(section)
    assert sets.keys == index.keys
    for name in ("train", "validation", "test"):
        assert sets.positions(name).tolist() == splits.of(name).tolist()
    assert len(set(sets.contents)) == len(set(sets.groups.tolist())) == 60
    assert set(sets.widths.tolist()) == {12}
    assert set(sets.heights.tolist()) == {10}


def test_parquet_gives_it_back(sets):
    again = RecordedSets.from_parquet(sets.to_parquet())
    assert again.digest == sets.digest
    assert again.class_names == sets.class_names
    assert again.fingerprint == sets.fingerprint
    for name in ("labels", "groups", "widths", "heights"):
        np.testing.assert_array_equal(getattr(again, name), getattr(sets, name))


@pytest.mark.parametrize("content", [b"", b"PAR1", b"\0" * 99])
def test_what_is_no_record_is_refused(content):
    with pytest.raises(ValueError, match="."):
        RecordedSets.from_parquet(content)


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("set", "tset", "there is no set 'tset'"),
        ("set", None, "null"),
        ("label", 99, "a class that is not listed"),
        ("label", "ants", "ants"),
        ("key", None, "null"),
        ("content", "x" * 32, "has no digest of its pixels"),
    ],
)
def test_what_it_cannot_have_written_is_refused(sets, column, values, said):
    table = pq.read_table(pa.BufferReader(sets.to_parquet()))
    at = table.column_names.index(column)
    changed = table.set_column(at, column, pa.array([values] * len(table)))
    sink = pa.BufferOutputStream()
    pq.write_table(changed, sink)
    with pytest.raises(ValueError, match=said):
        RecordedSets.from_parquet(sink.getvalue())


def test_without_a_change_nothing_is_decoded(section, sets, monkeypatch):
    monkeypatch.setattr(
        "trainables.datasets.rows.loading.inspect", lambda *_, **__: pytest.fail("was looked at")
    )
    restored = reread(section, sets)
    assert (restored.is_unchanged, restored.added) == (True, ())


def test_new_images_and_classes_are_named_and_left_out(photos, section, sets):
    before = load_trial_data(section, SIZE, sets)
    test = open_sealed_test(section, SIZE, sets)
    paint(photos / "ants" / "00a.png", (1, 2, 3))
    paint(photos / "aphids" / "new.png", (4, 5, 6))
    restored = reread(section, sets)
    assert restored.added == ("ants/00a.png", "aphids/new.png")
    after = load_trial_data(section, SIZE, sets)
    assert after.class_names == ("ants", "bees", "wasps")
    for name in ("train", "validation"):
        then, now = getattr(before, name), getattr(after, name)
        np.testing.assert_array_equal(now.pixels, then.pixels)
        np.testing.assert_array_equal(now.labels, then.labels)
        assert now.fingerprint == then.fingerprint, "features that are stored still count"
    _, refit = load_refit_data(section, SIZE, sets)
    assert not colours(refit) & colours(test.images)
    assert colours(open_sealed_test(section, SIZE, sets).images) == colours(test.images)


def test_a_split_of_the_grown_folder_would_have_leaked(photos, section, sets):
    """That this test finds leakage where there is some: so it was before sets were recorded."""
    test = open_sealed_test(section, SIZE, sets)
    paint(photos / "ants" / "00a.png", (1, 2, 3))
    _, refit = load_refit_data(section, SIZE)
    assert colours(refit) & colours(test.images)


@pytest.mark.parametrize("name", ["train", "validation", "test"])
def test_an_image_that_has_gone_is_named(photos, section, sets, name):
    key = key_in(sets, name)
    (photos / key).unlink()
    with pytest.raises(ChangedDataError, match=f"1 of the run's images are missing: .*{key}"):
        reread(section, sets)


@pytest.mark.parametrize("name", ["train", "validation"])
def test_an_image_that_was_edited_is_named(photos, section, sets, name):
    key = key_in(sets, name)
    paint(photos / key, (7, 7, 7))
    with pytest.raises(ChangedDataError, match=f"have changed since the run started: {key}"):
        load_trial_data(section, SIZE, sets)
    with pytest.raises(ChangedDataError, match=key):
        load_refit_data(section, SIZE, sets)
    open_sealed_test(section, SIZE, sets)


def test_an_image_that_cannot_be_read_any_more_is_named(photos, section, sets):
    key = key_in(sets, "train")
    (photos / key).write_bytes(b"no picture")
    with pytest.raises(ChangedDataError, match=key):
        reread(section, sets)


def test_an_edited_test_image_stops_the_test_alone(photos, section, sets):
    key = key_in(sets, "test")
    paint(photos / key, (7, 7, 7))
    load_refit_data(section, SIZE, sets)
    with pytest.raises(ChangedDataError, match=key):
        open_sealed_test(section, SIZE, sets)


def test_pixels_in_one_file_that_change_twice_are_named_each_time(tmp_path):
    """What was seen of the first change says nothing about the second."""
    chance = np.random.default_rng(0)
    for name, each in (("train", 10), ("t10k", 2)):
        labels = np.repeat(np.arange(3), each)
        pixels = chance.integers(0, 256, (len(labels), 8, 8))
        (tmp_path / f"{name}-images-idx3-ubyte").write_bytes(idx(pixels))
        (tmp_path / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))
    section = DatasetSection(format="idx", path=str(tmp_path))
    sets = preflight(section, "arrays").sets
    file = tmp_path / "train-images-idx3-ubyte"
    content = file.read_bytes()
    first, second = sets.positions("train")[:2].tolist()
    for place in (first, second):
        changed = bytearray(content)
        changed[16 + 64 * place] ^= 255
        file.write_bytes(changed)
        with pytest.raises(ChangedDataError, match="1 of the run's images") as raised:
            reread(section, sets)
        assert f": {sets.keys[place]}." in str(raised.value)


def test_images_that_changed_names_are_told_by_their_content(photos, section, sets):
    """Names swapped between training and test set: by name nothing has changed."""
    train, test = photos / key_in(sets, "train"), photos / key_in(sets, "test")
    aside = photos.parent / "aside.png"
    shutil.move(train, aside)
    shutil.move(test, train)
    shutil.move(aside, test)
    with pytest.raises(ChangedDataError, match="have changed"):
        load_refit_data(section, SIZE, sets)


def test_an_image_in_another_class_folder_has_gone(photos, section, sets):
    key = key_in(sets, "train")
    shutil.move(photos / key, photos / "wasps" / "moved.png")
    with pytest.raises(ChangedDataError, match=key):
        reread(section, sets)


def test_the_folder_may_move(photos, sets, tmp_path):
    moved = tmp_path / "elsewhere"
    shutil.move(photos, moved)
    restored = reread(section_of(moved), sets)
    assert restored.is_unchanged


def test_who_trains_knows_no_test_image(sets):
    told = sets.without_test()
    assert len(told.positions("test")) == 0
    for position in sets.positions("test"):
        assert (told.sets[position], told.contents[position]) == ("", "")
    assert told.fingerprint == sets.fingerprint


def test_unreadable_images_stay_out(photos, section):
    (photos / "ants" / "bad.png").write_bytes(b"no picture")
    skipping = section.model_copy(update={"skip_bad": True})
    sets = preflight(skipping, "photos").sets
    assert [sets.keys[p] for p in sets.positions("unreadable")] == ["ants/bad.png"]
    then, now = load_trial_data(skipping, SIZE), load_trial_data(skipping, SIZE, sets)
    np.testing.assert_array_equal(now.train.pixels, then.train.pixels)
    assert now.train.fingerprint == then.train.fingerprint
    paint(photos / "ants" / "bad.png", (1, 2, 3))
    assert len(load_trial_data(skipping, SIZE, sets).train.labels) == len(then.train.labels)
