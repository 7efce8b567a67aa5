"""What fails at a storage is tried again for a while, and not for ever."""

from __future__ import annotations

import numpy as np
import pytest

from trainables.cache import patience
from trainables.cache.patience import patiently
from trainables.training.checkpoints import Checkpoints


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    monkeypatch.setattr(patience, "_PAUSE", 0.001)


def failing(times, error):
    """A call that fails so often, and what it has been called."""
    calls = []

    def call():
        calls.append(error)
        if len(calls) <= times:
            raise error
        return "done"

    return call, calls


def test_what_works_again_is_returned():
    call, calls = failing(3, OSError("no route"))
    assert patiently(call) == "done"
    assert len(calls) == 4


@pytest.mark.parametrize("error", [FileNotFoundError("not there"), ValueError("no outage")])
def test_what_no_waiting_mends_is_raised_at_once(error):
    call, calls = failing(1, error)
    with pytest.raises(type(error)):
        patiently(call)
    assert len(calls) == 1


def test_it_ends(monkeypatch):
    monkeypatch.setattr(patience, "SECONDS", 0.05)
    call, calls = failing(10**9, OSError("no route"))
    with pytest.raises(OSError, match="no route"):
        patiently(call)
    assert len(calls) > 1


def test_a_checkpoint_waits_for_a_storage_that_is_no_folder_of_this_machine(tmp_path, monkeypatch):
    checkpoints = Checkpoints(str(tmp_path / "trial"))
    (tmp_path / "trial").write_text("in the way")
    with pytest.raises(OSError, match="trial"):
        checkpoints.save(1, {"epoch": np.array(1)})
    monkeypatch.setattr(checkpoints, "_is_local", False)
    monkeypatch.setattr(patience.time, "sleep", lambda _: (tmp_path / "trial").unlink())
    assert checkpoints.save(1, {"epoch": np.array(1)}) > 0
    assert checkpoints.load(1)["epoch"] == 1
