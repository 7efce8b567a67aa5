"""Checkpoints: what is written is read, what is damaged is passed over, nothing half is left."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from spaces.errors import RunStateError
from trainables.training.checkpoints import Checkpoints

STATE = {
    "epoch": np.array(3),
    "weight/0": np.linspace(0, 1, 7, dtype=np.float32).reshape(1, 7),
    "empty": np.zeros((0, 2), np.float32),
    "best": np.array([2.0, np.nan, 0.5]),
}


@pytest.fixture
def checkpoints(tmp_path: Path) -> Checkpoints:
    return Checkpoints(str(tmp_path / "trial_00000"))


def test_what_is_saved_is_loaded(checkpoints):
    size = checkpoints.save(3, STATE)
    loaded = checkpoints.load(3)
    assert loaded.keys() == STATE.keys()
    for name, array in STATE.items():
        np.testing.assert_array_equal(loaded[name], array)
        assert loaded[name].dtype == array.dtype
    assert [path.name for path in Path(checkpoints.folder).iterdir()] == ["epoch_00003.npz"]
    assert size == Path(checkpoints.folder, "epoch_00003.npz").stat().st_size


def test_saving_an_epoch_again_replaces_it(checkpoints):
    checkpoints.save(1, STATE)
    checkpoints.save(1, {"epoch": np.array(9)})
    assert list(checkpoints.load(1)) == ["epoch"]


def test_the_trials_that_have_some_are_listed_at_once(tmp_path):
    assert Checkpoints(str(tmp_path / "none")).folders == set()
    for name in ("trial_00001", "trial_00007"):
        Checkpoints(str(tmp_path / name)).save(1, {"a": np.zeros(1)})
    (tmp_path / "file").touch()
    assert Checkpoints(str(tmp_path)).folders == {"trial_00001", "trial_00007"}


def test_objects_are_not_saved(checkpoints):
    with pytest.raises(ValueError, match="pickle"):
        checkpoints.save(1, {"epoch": np.array([object()], object)})
    assert checkpoints.epochs == []


def test_the_newest_is_taken_up_to_an_epoch(checkpoints):
    for epoch in (2, 10, 100):
        checkpoints.save(epoch, {"epoch": np.array(epoch)})
    assert checkpoints.epochs == [2, 10, 100]
    for until, expected in ((None, 100), (100, 100), (99, 10), (2, 2)):
        state, damaged = checkpoints.newest(until)
        assert (int(state["epoch"]), damaged) == (expected, [])
    assert checkpoints.newest(until=1) == (None, [])


@pytest.mark.parametrize("damage", ["cut", "empty", "flipped", "not an archive", "gone"])
def test_what_is_damaged_is_named_and_passed_over(checkpoints, damage):
    checkpoints.save(4, STATE)
    checkpoints.save(5, STATE)
    path = Path(checkpoints.folder, "epoch_00005.npz")
    content = bytearray(path.read_bytes())
    match damage:
        case "cut":
            path.write_bytes(content[: len(content) // 2])
        case "empty":
            path.write_bytes(b"")
        case "flipped":
            where = bytes(content).index(STATE["weight/0"].tobytes())
            content[where + 5] ^= 0xFF
            path.write_bytes(content)
        case "not an archive":
            path.write_bytes(b"\x80\x04K\x01.")
        case "gone":
            path.unlink()
    state, said = checkpoints.newest()
    np.testing.assert_array_equal(state["weight/0"], STATE["weight/0"])
    assert len(said) == (damage != "gone")
    assert all("epoch_00005.npz cannot be read" in sentence for sentence in said)
    with pytest.raises(RunStateError, match="cannot be read"):
        checkpoints.load(5)


def test_where_nothing_is_whole_there_is_no_state(checkpoints):
    assert checkpoints.newest() == (None, [])
    checkpoints.save(1, STATE)
    Path(checkpoints.folder, "epoch_00001.npz").write_bytes(b"PK")
    state, said = checkpoints.newest()
    assert state is None
    assert len(said) == 1


def test_what_is_left_of_a_writer_that_was_killed_does_not_count(checkpoints):
    checkpoints.save(1, STATE)
    Path(checkpoints.folder, ".epoch_00002").write_bytes(b"PK\x03\x04 half")
    assert checkpoints.epochs == [1]
    checkpoints.save(2, STATE)
    assert sorted(p.name for p in Path(checkpoints.folder).iterdir()) == [
        "epoch_00001.npz",
        "epoch_00002.npz",
    ]


def test_old_and_untrue_ones_are_removed(checkpoints):
    for epoch in range(1, 6):
        checkpoints.save(epoch, {"epoch": np.array(epoch)})
    checkpoints.keep_newest(3)
    assert checkpoints.epochs == [3, 4, 5]
    checkpoints.remove_after(4)
    assert checkpoints.epochs == [3, 4]
    checkpoints.remove()
    checkpoints.remove()
    assert not Path(checkpoints.folder).exists()


def test_what_cannot_be_written_says_so_and_leaves_no_checkpoint(tmp_path):
    (tmp_path / "trial").write_text("a file where the folder should be")
    with pytest.raises(OSError, match="trial"):
        Checkpoints(str(tmp_path / "trial")).save(1, STATE)
