"""Decoded images: each once, whatever sets it is in, mapped from the cache."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from spaces.errors import ChangedDataError, DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import class_folders, write
from trainables.cache.folder import made_once
from trainables.cache.tensor_file import allocate_rows, read_rows, write_rows
from trainables.datasets.formats.readers import read_index
from trainables.datasets.manifest.index import content_of
from trainables.datasets.rows import images
from trainables.datasets.rows.decoded import Decoded
from trainables.datasets.rows.images import load_images
from trainables.datasets.rows.resizing import resize
from trainables.process.messages import take_notes


@pytest.fixture
def index(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 10)
    return read_index(DatasetSection(format="folders", path=str(root)))


POSITIONS = np.array([3, 0, 17, 5])


@pytest.fixture
def decoded(monkeypatch):
    """Sizes of the images that are decoded and resized."""
    seen = []

    def counted(image, *how):
        seen.append(image.shape)
        return resize(image, *how)

    monkeypatch.setattr(images, "resize", counted)
    return seen


def test_images_are_mapped_and_decoded_once(index, own_cache, decoded, monkeypatch):
    monkeypatch.setattr(images, "_BLOCK", 16 * 16 * 3 * 3)
    first = load_images(index, POSITIONS, 16)
    expected = np.stack([resize(index.read(int(position)), 16) for position in POSITIONS])
    assert np.array_equal(first.pixels, expected)
    assert first.labels.tolist() == [0, 0, 1, 0]
    assert not first.pixels.flags.writeable
    (path,) = own_cache.rglob("*.arrow")
    assert len(decoded) == 4
    again = load_images(index, POSITIONS, 16)
    assert np.array_equal(again.pixels, expected)
    assert again.fingerprint == first.fingerprint
    assert len(decoded) == 4
    with pa.memory_map(str(path)) as file:
        assert pa.ipc.read_tensor(file).shape == (4, 16, 16, 3)


def test_any_selection_decodes_only_what_is_new(index, decoded):
    load_images(index, POSITIONS, 16)
    for positions, new in [([0, 5], 0), ([17, 3, 5, 0, 3], 0), ([1, 3, 2, 1], 2), (range(20), 14)]:
        decoded.clear()
        found = load_images(index, np.array(positions), 16)
        assert len(decoded) == new
        expected = [resize(index.read(int(position)), 16) for position in positions]
        assert np.array_equal(np.asarray(found.pixels), expected)
    assert len(load_images(index, POSITIONS, 8).pixels) == 4
    assert len(decoded) == 14 + 4, "another size has its own rows"


def test_copies_are_decoded_once(index, decoded, tmp_path):
    original = (tmp_path / "photos/class_0/0.jpg").read_bytes()
    write(tmp_path / "photos/class_1/copy.jpg", original)
    index = read_index(DatasetSection(format="folders", path=str(tmp_path / "photos")))
    found = load_images(index, np.arange(21), 16)
    assert len(decoded) == 20
    copy = index.keys.index("class_1/copy.jpg")
    assert np.array_equal(found.pixels[copy], found.pixels[0])


def test_without_room_they_are_in_memory(index, own_cache, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", "100B")
    found = load_images(index, POSITIONS, 16)
    expected = np.stack([resize(index.read(int(position)), 16) for position in POSITIONS])
    assert np.array_equal(found.pixels, expected)
    assert not list(own_cache.rglob("*.arrow"))
    monkeypatch.setattr(images, "SMALL", 0)
    assert not take_notes()
    found = load_images(index, POSITIONS, 16)
    assert isinstance(found.pixels, Decoded)
    assert np.array_equal(found.pixels[:], expected)
    [line] = take_notes()
    assert "no room for 4 images of 16 pixels" in line


def test_an_image_that_changes_meanwhile_is_no_other_image_s_row(index, own_cache, tmp_path):
    contents = np.array([content_of(index.read(place)) for place in range(20)], "S16")
    known = dataclasses.replace(index, contents=contents)
    write(tmp_path / "photos/class_0/3.jpg", (tmp_path / "photos/class_0/4.jpg").read_bytes())
    with pytest.raises(ChangedDataError, match=r"have changed .*: class_0/3\.jpg"):
        load_images(known, POSITIONS, 16)
    assert not list(own_cache.rglob("*.arrow"))


def test_another_order_and_another_size_have_other_fingerprints(index):
    names = {
        load_images(index, positions, size).fingerprint
        for positions in (POSITIONS, POSITIONS[::-1])
        for size in (8, 16)
    }
    assert len(names) == 4


@pytest.mark.parametrize(
    ("holder", "attribute", "other"), [(images.PIL, "__version__", "0.1"), (images, "_VERSION", 99)]
)
def test_another_decoder_decodes_again(index, monkeypatch, decoded, holder, attribute, other):
    """Features are stored by treatment: without this, those of the old pixels would be reused."""
    before = load_images(index, POSITIONS, 16)
    assert load_images(index, POSITIONS, 16).fingerprint == before.fingerprint
    monkeypatch.setattr(holder, attribute, other)
    after = load_images(index, POSITIONS, 16)
    assert after.fingerprint != before.fingerprint
    assert after.treatment != before.treatment
    assert len(decoded) == 8


def test_nothing_is_left_of_what_could_not_be_decoded(index, own_cache, tmp_path):
    write(tmp_path / "photos" / "class_1" / "7.jpg", b"")
    with pytest.raises(DataError, match=r"class_1/7\.jpg is empty"):
        load_images(index, POSITIONS, 16)
    assert not list((own_cache / "images").rglob("*.arrow"))


def test_no_images_are_an_empty_array(index):
    assert load_images(index, np.array([], np.int64), 16).pixels.shape == (0, 16, 16, 3)


def test_a_cache_that_cannot_be_written_is_a_sentence(index, monkeypatch, tmp_path):
    monkeypatch.setenv("THAWTUNE_CACHE", str(write(tmp_path / "file", b"") / "cache"))
    with pytest.raises(DataError, match="set THAWTUNE_CACHE to a folder on another disk"):
        load_images(index, POSITIONS, 16)


def test_a_damaged_file_is_a_sentence(tmp_path):
    path = write(tmp_path / "a.arrow", b"nonsense")
    with pytest.raises(DataError, match="delete it"):
        read_rows(path)


def test_what_a_killed_process_left_is_removed(tmp_path):
    left = write(tmp_path / ".thing.0123", b"half")
    made_once(tmp_path / "thing", lambda path: path.write_text("whole"))
    assert not left.exists()
    assert (tmp_path / "thing").read_text() == "whole"


def test_processes_wait_for_the_first(tmp_path):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from trainables.cache.folder import made_once\n"
        "def make(path):\n"
        "    time.sleep(0.3); path.write_text('x'); print('made')\n"
        "made_once(Path(sys.argv[1]), make)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "thing")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert sorted(process.communicate()[0] for process in running) == ["", "", "made\n"]


@pytest.mark.parametrize("shape", [(3,), (0, 4), (5, 7, 7, 3), (1, 32, 32, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_what_precedes_the_rows_is_what_arrow_writes(tmp_path, shape, dtype):
    allocate_rows(tmp_path / "ours.arrow", shape, dtype)
    with pa.OSFile(str(tmp_path / "arrow.arrow"), "wb") as file:
        pa.ipc.write_tensor(pa.Tensor.from_numpy(np.zeros(shape, dtype)), file)
    ours, arrow = ((tmp_path / f"{name}.arrow").read_bytes() for name in ("ours", "arrow"))
    assert ours == arrow


def test_an_allocated_file_takes_no_space(tmp_path):
    allocate_rows(tmp_path / "a.arrow", (10_000, 224, 224, 3), np.uint8)
    status = (tmp_path / "a.arrow").stat()
    assert status.st_size > 1.5e9
    assert status.st_blocks * 512 < 1e5


MEASURE = """
import resource, sys
import numpy as np
from pathlib import Path
from trainables.cache.tensor_file import allocate_rows, read_rows, write_rows

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

rows = lambda count: (np.full((4, 512, 512, 3), i, np.uint8) for i in range(count // 4))
write_rows(Path(sys.argv[1] + ".small"), (4, 512, 512, 3), rows(4))
read_rows(Path(sys.argv[1] + ".small"))
before = peak()
write_rows(Path(sys.argv[1]), (400, 512, 512, 3), rows(400))
print(peak() - before, read_rows(Path(sys.argv[1]))[396:, 5, 5, 1].tolist())
"""


def test_writing_300_mb_takes_little_memory(tmp_path):
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "a.arrow")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    megabytes, values = result.stdout.split(maxsplit=1)
    assert int(megabytes) < 60
    assert values.strip() == "[99, 99, 99, 99]"


def test_rows_come_back(tmp_path):
    whole = np.random.default_rng(0).integers(0, 256, (7, 5, 3), np.uint8)
    write_rows(tmp_path / "a.arrow", whole.shape, (whole[i : i + 2] for i in range(0, 7, 2)))
    assert np.array_equal(read_rows(tmp_path / "a.arrow"), whole)
