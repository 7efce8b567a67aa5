"""Decoded images: in memory if they are few, mapped from the cache if they are many."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import class_folders, write
from trainables.cache.folder import made_once
from trainables.cache.tensor_file import read_rows, write_rows
from trainables.datasets.formats.readers import read_index
from trainables.datasets.rows import images
from trainables.datasets.rows.images import load_images
from trainables.datasets.rows.resizing import resize


@pytest.fixture
def index(tmp_path):
    root = class_folders(tmp_path / "photos", 2, 10)
    return read_index(DatasetSection(format="folders", path=str(root)))


POSITIONS = np.array([3, 0, 17, 5])


def test_few_images_stay_in_memory(index, own_cache):
    loaded = load_images(index, POSITIONS, 16)
    expected = np.stack([resize(index.read(int(position)), 16) for position in POSITIONS])
    assert np.array_equal(loaded.pixels, expected)
    assert loaded.labels.tolist() == [0, 0, 1, 0]
    assert not list(own_cache.rglob("*.arrow"))


def test_many_images_are_mapped_and_decoded_once(index, own_cache, monkeypatch):
    expected = load_images(index, POSITIONS, 16)
    monkeypatch.setattr(images, "SMALL", 0)
    monkeypatch.setattr(images, "_BLOCK", 16 * 16 * 3 * 3)
    mapped = load_images(index, POSITIONS, 16)
    assert np.array_equal(mapped.pixels, expected.pixels)
    assert mapped.fingerprint == expected.fingerprint
    assert not mapped.pixels.flags.writeable
    (path,) = own_cache.rglob("*.arrow")
    monkeypatch.setattr(images, "resize", lambda *_: pytest.fail("decoded again"))
    assert np.array_equal(load_images(index, POSITIONS, 16).pixels, expected.pixels)
    with pa.memory_map(str(path)) as file:
        assert pa.ipc.read_tensor(file).shape == (4, 16, 16, 3)


def test_other_positions_and_sizes_are_other_files(index, own_cache, monkeypatch):
    monkeypatch.setattr(images, "SMALL", 0)
    names = {
        load_images(index, positions, size).fingerprint
        for positions in (POSITIONS, POSITIONS[::-1])
        for size in (8, 16)
    }
    assert len(names) == len(list(own_cache.rglob("*.arrow"))) == 4


@pytest.mark.parametrize(
    ("holder", "attribute", "other"), [(images.PIL, "__version__", "0.1"), (images, "_VERSION", 99)]
)
@pytest.mark.parametrize("small", [0, 2**30])
def test_another_decoder_gives_another_fingerprint(
    index, own_cache, monkeypatch, small, holder, attribute, other
):
    """Features are stored by fingerprint: without this, those of the old pixels would be reused."""
    monkeypatch.setattr(images, "SMALL", small)
    before = load_images(index, POSITIONS, 16).fingerprint
    assert load_images(index, POSITIONS, 16).fingerprint == before
    monkeypatch.setattr(holder, attribute, other)
    assert load_images(index, POSITIONS, 16).fingerprint != before
    assert len(list(own_cache.rglob("*.arrow"))) == (2 if small == 0 else 0)


def test_nothing_is_left_of_what_could_not_be_decoded(index, own_cache, monkeypatch, tmp_path):
    monkeypatch.setattr(images, "SMALL", 0)
    write(tmp_path / "photos" / "class_1" / "7.jpg", b"")
    with pytest.raises(DataError, match=r"class_1/7\.jpg is empty"):
        load_images(index, POSITIONS, 16)
    assert not [p for p in own_cache.rglob("*") if p.is_file() and p.suffix != ".lock"]


def test_no_images_are_an_empty_array(index):
    assert load_images(index, np.array([], np.int64), 16).pixels.shape == (0, 16, 16, 3)


def test_a_cache_that_cannot_be_written_is_a_sentence(index, monkeypatch, tmp_path):
    monkeypatch.setattr(images, "SMALL", 0)
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


MEASURE = """
import resource, sys
import numpy as np
from pathlib import Path
from trainables.cache.tensor_file import read_rows, write_rows

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
