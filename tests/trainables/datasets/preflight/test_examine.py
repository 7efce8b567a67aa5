"""Preflight: what it finds, what it refuses, and what it only mentions."""

from __future__ import annotations

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageEnhance
from rich.console import Console

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.dataset_formats import FORMATS, idx
from tests.trainables.datasets.pictures import class_folders, encoded, picture, write
from trainables.datasets.files import kept_digests
from trainables.datasets.formats.readers import read_index
from trainables.datasets.preflight import inspection
from trainables.datasets.preflight.contact_sheet import contact_sheet, random_positions
from trainables.datasets.preflight.examine import examine, preflight
from trainables.datasets.preflight.view import render
from trainables.datasets.rows.loading import read_splits


def section(root, **keys):
    return DatasetSection(**({"format": "folders", "path": str(root)} | keys))


def shown(found):
    console = Console(file=io.StringIO(), width=100)
    console.print(render(found))
    return console.file.getvalue()


def test_of_very_many_classes_the_largest_and_the_smallest_are_shown(tmp_path):
    found = preflight(section(class_folders(tmp_path / "photos", 2, 8)), "some_study")
    counts = tuple(np.random.default_rng(0).permutation(1000).tolist())
    names = tuple(f"class_{number}" for number in range(1000))
    many = replace(found, class_names=names, counts={"train": counts})
    lines = shown(many).splitlines()
    rows = {line.split()[0]: int(line.split()[1]) for line in lines if line.startswith("class_")}
    assert len(rows) == 100
    assert sorted(rows.values()) == [*range(50), *range(950, 1000)]
    assert rows == {name: rows[name] for name in names if name in rows}, "in the dataset's order"
    assert any("and 900 classes between these in size" in line for line in lines)


@pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)
def test_every_format_passes_and_is_shown(form, tmp_path):
    keys, _ = form.write(tmp_path / "data")
    found = preflight(DatasetSection(**keys, **form.section), "some_study")
    assert found.class_names == form.class_names
    for name, each in form.published.items():
        assert found.counts[name] == (each,) * len(form.class_names)
    assert set(found.published) >= set(form.published)
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["classes"] == list(form.class_names)
    assert plain["train"] == list(found.counts["train"])
    text = shown(found)
    for name in form.class_names:
        assert name in text
    assert "no problems found" in text


def test_sizes_and_kinds(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 6)
    write(root / "class_0" / "wide.png", encoded(picture(70, 400, 100), "PNG"))
    grey = Image.fromarray(picture(71, 60, 90)).convert("L")
    write(root / "class_1" / "grey.jpg", encoded(grey))
    sizes = preflight(section(root), "photos").sizes
    assert (sizes.widths[0], sizes.widths[3], sizes.widths[-1]) == (48, 48, 400)
    assert (sizes.heights[0], sizes.heights[3], sizes.heights[-1]) == (40, 40, 100)
    assert sizes.common[0] == (48, 40, 12)
    assert sizes.distinct == 3
    assert sizes.formats == {"JPEG": 13, "PNG": 1}
    assert sizes.modes == {"RGB": 13, "L": 1}
    assert sizes.in_words == "48×40 pixels in the median"


def test_mislabelled_images_are_told_and_used(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 6)
    write(root / "class_0" / "really.jpg", encoded(picture(70), "PNG"))
    write(root / "class_0" / "bare", encoded(picture(71), "PNG"))
    found = preflight(section(root), "photos")
    assert found.mislabelled == (
        ("class_0/really.jpg", "has the extension .jpg but is a PNG image"),
    )
    assert sum(map(sum, found.counts.values())) == 14
    assert "class_0/really.jpg has the extension .jpg but is a PNG image" in found.warnings[0]


def test_empty_classes_and_ignored_files_are_told(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 6)
    (root / "nothing").mkdir()
    write(root / "class_0" / "Thumbs.db", b"x")
    found = preflight(section(root), "photos")
    assert found.warnings == ("Folders without images are not classes: nothing.",)
    text = shown(found)
    assert "class_0/Thumbs.db is hidden or left behind" in text


def test_copies_in_one_split_are_kept_together_and_told(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 20)
    for number in range(12):
        shutil.copy(root / "class_0" / "7.jpg", root / "class_0" / f"copy_{number}.jpg")
    found = preflight(section(root), "photos")
    assert not found.leaks
    (group,) = found.duplicates
    assert len(group.names) == 13
    assert len(set(group.sets)) == 1
    assert "1 image is more than once in one set: class_0/7.jpg" in found.warnings[0]


def test_the_same_pixels_in_another_file_are_a_copy_too(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 10)
    for seed in range(4):
        pixels = picture(100 + seed)
        write(root / "class_0" / f"{seed}_one.png", encoded(pixels, "PNG"))
        write(root / "class_0" / f"{seed}_two.bmp", encoded(pixels, "BMP"))
    found = preflight(section(root), "photos")
    assert len(found.duplicates) == 4
    assert not found.leaks


def test_leakage_between_published_sets_of_files_is_an_error(tmp_path):
    class_folders(tmp_path / "train", 2, 8)
    class_folders(tmp_path / "val", 2, 4, first=500)
    class_folders(tmp_path / "test", 2, 4, first=700)
    shutil.copy(tmp_path / "train/class_0/3.jpg", tmp_path / "test/class_0/other.jpg")
    shutil.copy(tmp_path / "val/class_1/2.jpg", tmp_path / "test/class_1/another.jpg")
    leaking = section(tmp_path, format="split_folders")
    with pytest.raises(DataError) as refused:
        preflight(leaking, "photos")
    message = str(refused.value)
    assert message.startswith("Leakage: 2 images are in more than one set")
    assert "train/class_0/3.jpg (train) = test/class_0/other.jpg (test)" in message
    assert "val/class_1/2.jpg (validation) = test/class_1/another.jpg (test)" in message
    assert refused.value.exit_code == 2
    assert "Leakage" in shown(examine(leaking, "photos"))


def test_leakage_that_is_published_in_arrays_is_a_warning(tmp_path):
    form = next(form for form in FORMATS if form.name == "idx plain")
    keys, _ = form.write(tmp_path)
    images = np.stack([picture(1000 + i, 28, 28)[..., 0] for i in range(20)])
    images[3] = picture(12, 28, 28)[..., 0]  # stands in the training set
    write(tmp_path / "t10k-images-idx3-ubyte", idx(images))
    found = preflight(DatasetSection(**keys), "things")
    assert len(found.leaks) == 1
    assert "Leakage in the published sets: 1 image is in more than one set" in found.warnings[0]
    assert "= test/00003 (test)" in found.warnings[0]


def test_one_image_in_two_classes_is_told(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 10)
    shutil.copy(root / "class_0" / "7.jpg", root / "class_1" / "copy.jpg")
    found = preflight(section(root), "photos")
    assert "1 image is in more than one class: class_0/7.jpg" in found.warnings[0]


def test_near_duplicates_across_sets_are_named_in_a_warning(tmp_path):
    class_folders(tmp_path / "train", 2, 8)
    class_folders(tmp_path / "val", 2, 4, first=500)
    pixels = ImageEnhance.Brightness(Image.fromarray(picture(3))).enhance(0.9)
    write(tmp_path / "val" / "class_0" / "darker.jpg", encoded(pixels))
    found = preflight(section(tmp_path, format="split_folders"), "photos")
    (group,) = found.near_duplicates
    assert group.crosses_sets
    assert "1 group of images is nearly alike but in different sets" in found.warnings[0]
    assert "train/class_0/3.jpg" in found.warnings[0]
    assert "val/class_0/darker.jpg (validation)" in found.warnings[0]


def test_all_errors_come_at_once(tmp_path):
    class_folders(tmp_path / "train", 2, 8)
    class_folders(tmp_path / "val", 2, 4, first=500)
    shutil.copy(tmp_path / "train/class_0/3.jpg", tmp_path / "val/class_0/other.jpg")
    write(tmp_path / "train" / "class_1" / "bad.jpg", b"")
    with pytest.raises(DataError) as refused:
        preflight(section(tmp_path, format="split_folders"), "photos")
    assert "bad.jpg is empty" in str(refused.value)
    assert "Leakage" in str(refused.value)


def test_progress_is_told(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 200)
    told = []
    preflight(section(root), "photos", progress=lambda *step: told.append(step))
    assert told == [(done, 800) for done in (*range(32, 400, 32), 400, *range(432, 800, 32), 800)]


def test_a_second_look_is_taken_from_the_cache(tmp_path, monkeypatch, own_cache):
    root = class_folders(tmp_path / "photos", 2, 10)
    first = examine(section(root), "photos")
    assert len(list(own_cache.rglob("inspections/*.parquet"))) == 1
    monkeypatch.setattr(inspection, "_look", lambda *_: pytest.fail("inspected again"))
    told = []
    again = examine(section(root), "photos", progress=lambda *step: told.append(step))
    assert again == first
    assert told == [(20, 20)]
    write(root / "class_0" / "bad.jpg", b"")
    index, _ = read_splits(section(root, skip_bad=True))
    assert len(index.keys) == 20


@pytest.fixture
def looked_at(monkeypatch):
    """Names of the images that are decoded."""
    names, look = [], inspection._look

    def counted(index, position):
        names.append(index.keys[position])
        return look(index, position)

    monkeypatch.setattr(inspection, "_look", counted)
    return names


def grow(root):
    """Add three images to each of two classes: 500.jpg to 502.jpg."""
    more = class_folders(root.parent / "more", 2, 3, first=500)
    for path in more.rglob("*.jpg"):
        shutil.copy(path, root / path.parent.name / f"50{path.name}")


def test_a_folder_that_has_grown_costs_what_is_new(tmp_path, looked_at, monkeypatch):
    root = class_folders(tmp_path / "photos", 2, 10)
    preflight(section(root), "photos")
    assert len(looked_at) == 20
    read, digest_of = [], kept_digests.digest_of
    monkeypatch.setattr(
        kept_digests, "digest_of", lambda file: read.append(file) or digest_of(file)
    )
    monkeypatch.setattr(kept_digests, "_UNSETTLED", 0)
    grow(root)
    looked_at.clear()
    found = preflight(section(root), "photos")
    new = [f"class_{c}/{n}.jpg" for c in (0, 1) for n in range(500, 503)]
    assert sorted(looked_at) == sorted(new)
    assert found.images == 26
    read.clear()
    preflight(section(root), "photos")
    assert read == [], "no file is read again"


def test_what_was_found_is_that_of_a_whole_inspection(tmp_path, own_cache):
    root = class_folders(tmp_path / "photos", 2, 10)
    preflight(section(root), "photos")
    grow(root)
    shutil.copy(root / "class_0/1.jpg", root / "class_0/copy.jpg")
    shutil.move(root / "class_0/2.jpg", root / "class_0/2.png")
    grown = examine(section(root), "photos")
    shutil.rmtree(own_cache)
    assert examine(section(root), "photos") == grown
    assert [finding.name for finding in grown.mislabelled] == ["class_0/2.png"]


def test_bad_images_are_tried_again(tmp_path, looked_at):
    """What decodes them may have been installed since."""
    root = class_folders(tmp_path / "photos", 2, 10)
    content = (root / "class_0/5.jpg").read_bytes()
    (root / "class_0/5.jpg").write_bytes(content[: 3 * len(content) // 4])
    for _ in range(2):
        looked_at.clear()
        assert examine(section(root), "photos").unreadable
    assert looked_at == ["class_0/5.jpg"]


def test_broken_digests_are_read_anew(tmp_path, own_cache):
    root = class_folders(tmp_path / "photos", 2, 10)
    first = preflight(section(root), "photos")
    for path in own_cache.rglob("manifests/*.parquet"):
        path.write_bytes(b"nonsense")
    assert preflight(section(root), "photos") == first


def test_a_damaged_cache_is_a_sentence(tmp_path, own_cache):
    root = class_folders(tmp_path / "photos", 2, 10)
    preflight(section(root), "photos")
    next(own_cache.rglob("inspections/*.parquet")).write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"in the cache is damaged .* delete it"):
        preflight(section(root), "photos")


def test_subset_is_counted_and_told(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 20)
    found = preflight(section(root, subset=20), "photos")
    assert sum(map(sum, found.counts.values())) == 20
    assert found.images == 40
    assert "20 images in 2 classes of 40 found (subset: 20)" in shown(found)


def test_contact_sheet_has_a_tile_an_image(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 10)
    index = read_index(section(root, class_names={"class_0": "a name much longer than its tile"}))
    chosen = random_positions(np.arange(20), 10)
    assert len(set(chosen.tolist())) == 10
    sheet = contact_sheet(index, chosen, tile=64, columns=4)
    assert sheet.size == (6 + 4 * 70, 6 + 3 * 88)
    assert np.asarray(sheet)[6:70, 6:70].std() > 10
    assert random_positions(np.arange(3), 10).tolist() == [0, 1, 2]


def test_contact_sheet_enlarges_small_images_by_whole_factors():
    index = read_index(DatasetSection(format="digits"))
    sheet = np.asarray(contact_sheet(index, [0], tile=64))
    assert np.array_equal(sheet[6:70:8, 6:70:8], index.read(0))
