"""Checkpoints: what is saved is what is loaded, and a damaged one is refused or passed over."""

from __future__ import annotations

import numpy as np
import pytest

from spaces.errors import RunStateError
from trainables.checkpoint import latest_checkpoint, load_state, save_state

STATE = {
    "epoch": np.array(3),
    "weight/0": np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32),
    "schedule": np.array([np.inf, np.nan, -0.0, 1e-300]),
    "seeds": np.array([7, 2**32 - 1], np.uint32),
    "empty": np.zeros((0, 5), np.float32),
}


def checkpoint(folder, number, state=STATE):
    path = folder / f"checkpoint_{number:06d}"
    path.mkdir(parents=True)
    save_state(path, state)
    return path


def test_what_is_saved_is_what_is_loaded(tmp_path):
    save_state(tmp_path, STATE)
    loaded = load_state(tmp_path)
    assert set(loaded) == set(STATE)
    for name, array in STATE.items():
        assert loaded[name].dtype == array.dtype
        np.testing.assert_array_equal(loaded[name], array)


def test_what_is_saved_anew_replaces_the_old(tmp_path):
    save_state(tmp_path, STATE)
    save_state(tmp_path, {"epoch": np.array(9)})
    assert list(load_state(tmp_path)) == ["epoch"]


def test_code_is_not_loaded(tmp_path):
    np.savez(tmp_path / "state.npz", epoch=np.array([object()], object))
    with pytest.raises(RunStateError, match="cannot be read"):
        load_state(tmp_path)


def test_code_is_not_saved(tmp_path):
    with pytest.raises(ValueError, match="pickle|Object"):
        save_state(tmp_path, {"epoch": np.array([object()], object)})


def test_a_missing_one_is_refused(tmp_path):
    with pytest.raises(RunStateError, match="cannot be read"):
        load_state(tmp_path)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_one_that_was_cut_off_is_refused(tmp_path, share):
    save_state(tmp_path, STATE)
    file = tmp_path / "state.npz"
    file.write_bytes(file.read_bytes()[: int(file.stat().st_size * share)])
    with pytest.raises(RunStateError, match=str(tmp_path)):
        load_state(tmp_path)


def test_one_that_was_altered_is_refused(tmp_path):
    save_state(tmp_path, STATE)
    file = tmp_path / "state.npz"
    content = file.read_bytes()
    weight = STATE["weight/0"].tobytes()
    assert weight in content
    file.write_bytes(content.replace(weight, weight[::-1]))
    with pytest.raises(RunStateError, match="cannot be read"):
        load_state(tmp_path)


class TestLatest:
    def test_it_is_the_highest_number(self, tmp_path):
        for number in (2, 10, 9):
            checkpoint(tmp_path, number)
        assert latest_checkpoint(tmp_path).name == "checkpoint_000010"

    def test_one_that_was_cut_off_is_passed_over(self, tmp_path):
        checkpoint(tmp_path, 1)
        torn = checkpoint(tmp_path, 2) / "state.npz"
        torn.write_bytes(torn.read_bytes()[:-30])
        assert latest_checkpoint(tmp_path).name == "checkpoint_000001"

    def test_one_without_its_file_is_passed_over(self, tmp_path):
        checkpoint(tmp_path, 1)
        (tmp_path / "checkpoint_000002").mkdir()
        assert latest_checkpoint(tmp_path).name == "checkpoint_000001"

    def test_other_folders_are_none(self, tmp_path):
        (tmp_path / "logs").mkdir()
        save_state(tmp_path / "logs", STATE)
        assert latest_checkpoint(tmp_path) is None

    def test_a_trial_without_a_folder_has_none(self, tmp_path):
        assert latest_checkpoint(tmp_path / "nowhere") is None
