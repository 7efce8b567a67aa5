"""A subset of a folder of photos: no other file is read, and the run keeps to what was drawn."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from spaces.errors import ChangedDataError, DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import class_folders
from trainables.datasets.files import decoding
from trainables.datasets.files import kept_digests as digests_module
from trainables.datasets.files.scanning import digest_of
from trainables.datasets.preflight.examine import examine, preflight
from trainables.datasets.rows.loading import load_trial_data, open_sealed_test, read_splits, reread
from trainables.datasets.sets.recorded import RecordedSets

CLASSES, EACH, SUBSET = 3, 40, 30


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def root(tmp_path):
    return class_folders(tmp_path / "photos", CLASSES, EACH)


@pytest.fixture
def read(root, monkeypatch):
    """Keys of the files that were decoded, and that were read for their digests, since the last."""
    found = {"decoded": [], "digested": []}
    decode = decoding.decode

    def decoded(file, key, *rules):
        found["decoded"].append(key)
        return decode(file, key, *rules)

    def digested(path):
        found["digested"].append(path.relative_to(root).as_posix())
        return digest_of(path)

    monkeypatch.setattr("trainables.datasets.manifest.image_files.decode", decoded)
    monkeypatch.setattr(digests_module, "digest_of", digested)
    monkeypatch.setattr(digests_module, "_UNSETTLED", 0)  # files of this moment are kept too

    def taken():
        lists = {name: sorted(keys) for name, keys in found.items()}
        for keys in found.values():
            keys.clear()
        return lists["decoded"], lists["digested"]

    return taken


def section(root, **more):
    return DatasetSection(format="folders", path=str(root), **({"subset": SUBSET} | more))


def used(sets):
    return sorted(sets.used_keys)


def test_no_other_file_is_read(root, read):
    found = preflight(section(root), "photos")
    drawn = used(found.sets)
    assert len(drawn) == SUBSET
    assert read() == (drawn, drawn)
    assert found.images == CLASSES * EACH == len(found.sets.keys)
    sizes = [len(found.sets.positions(name)) for name in ("train", "validation", "test", "")]
    assert sizes == [18, 6, 6, 90]
    for name in ("train", "validation", "test"):
        labels = found.sets.labels[found.sets.positions(name)]
        assert len(set(np.bincount(labels))) == 1, "stratified"
    again = preflight(section(root), "photos")
    assert again.sets == found.sets
    assert read() == ([], []), "what is kept of them is enough"
    index, splits = read_splits(section(root))
    assert index.fingerprint == found.sets.sound_fingerprint == found.fingerprint
    for name in ("train", "validation", "test"):
        np.testing.assert_array_equal(splits.of(name), found.sets.positions(name))
    assert RecordedSets.from_parquet(found.sets.to_parquet()) == found.sets


def test_a_larger_subset_or_another_seed_reads_what_is_new(root, read):
    known = set(used(preflight(section(root), "photos").sets))
    read()
    for more in ({"subset": 60}, {"seed": 1}, {"subset": None}):
        drawn = set(used(preflight(section(root, **more), "photos").sets))
        assert read() == (sorted(drawn - known),) * 2
        assert drawn - known
        known |= drawn
    assert len(known) == CLASSES * EACH


def test_a_run_keeps_to_its_images_in_a_folder_that_grows(root, read, tmp_path):
    sets = preflight(section(root), "photos").sets
    before = load_trial_data(section(root), 16, sets)
    test = open_sealed_test(section(root), 16, sets)
    assert reread(section(root), sets).is_unchanged
    read()
    more = class_folders(tmp_path / "more", CLASSES, EACH, first=9000)
    for path in more.rglob("*.jpg"):
        shutil.copy(path, root / path.parent.name / f"new{path.name}")
    restored = reread(section(root), sets)
    assert len(restored.added) == CLASSES * EACH
    assert read() == ([], []), "neither the new ones nor those outside the subset"
    after = load_trial_data(section(root), 16, sets)
    np.testing.assert_array_equal(after.train.pixels, before.train.pixels)
    assert after.train.fingerprint == before.train.fingerprint
    same = open_sealed_test(section(root), 16, sets)
    np.testing.assert_array_equal(same.images.pixels, test.images.pixels)
    other = sets.keys[sets.positions("")[0]]
    (root / other).unlink()
    reread(section(root), sets)
    gone = sets.keys[sets.positions("validation")[0]]
    (root / gone).unlink()
    with pytest.raises(ChangedDataError, match=gone):
        reread(section(root), sets)


def test_an_image_of_the_subset_that_was_edited_is_named(root):
    sets = preflight(section(root), "photos").sets
    edited, other = (sets.keys[sets.positions(name)[0]] for name in ("train", ""))
    shutil.copy(root / other, root / edited)
    with pytest.raises(ChangedDataError, match=edited):
        reread(section(root), sets)


def test_only_damage_and_copies_in_the_subset_count(root, read):
    sets = preflight(section(root), "photos").sets
    (root / sets.keys[sets.positions("")[0]]).write_bytes(b"no picture")
    assert examine(section(root), "photos").errors == ()
    names = ("train", "validation", "test")
    train, validation, test = (sets.keys[sets.positions(name)[0]] for name in names)
    shutil.copy(root / train, root / test)
    again = examine(section(root), "photos")
    assert again.errors == ()
    [copies] = again.duplicates
    assert set(copies.names) == {train, test}
    assert not copies.crosses_sets, "copies come into one set"
    (root / validation).write_bytes(b"no picture")
    with pytest.raises(DataError, match=rf"1 of 30 images cannot be used[\s\S]*{validation}"):
        preflight(section(root), "photos")
    found = preflight(section(root, skip_bad=True), "photos")
    assert [found.sets.keys[p] for p in found.sets.positions("unreadable")] == [validation]
    assert len(found.sets.used_keys) == SUBSET, "it is left out, and nothing takes its place"
    assert sum(sum(counts) for counts in found.counts.values()) == SUBSET - 1
    index, splits = read_splits(section(root, skip_bad=True))
    assert index.fingerprint == found.sets.sound_fingerprint
    for name in names:
        np.testing.assert_array_equal(splits.of(name), found.sets.splits.of(name))
    data = load_trial_data(section(root, skip_bad=True), 16, found.sets)
    alone = load_trial_data(section(root, skip_bad=True), 16)
    np.testing.assert_array_equal(data.train.pixels, alone.train.pixels)


def test_groups_of_the_subset_stay_together(root):
    grouped = section(root, subset=60, group={"pattern": r"(\d)\.jpg$"})
    sets = preflight(grouped, "photos").sets
    found = [
        {sets.groups[p] for p in sets.positions(name)} for name in ("train", "validation", "test")
    ]
    assert all(found)
    assert not found[0] & found[1] | found[0] & found[2] | found[1] & found[2]
