"""What Ray says of dead workers, in a sentence."""

from __future__ import annotations

import pickle

import pytest
from ray.exceptions import NodeDiedError, OutOfMemoryError, RayActorError

from search.cluster.ray_private import WorkerKilledError, _as_dead_actor
from search.driver.recorder import cause_in_words, in_words


@pytest.mark.parametrize(
    ("error", "for_memory"),
    [(OutOfMemoryError("low on memory"), True), (NodeDiedError("gone"), False)],
)
def test_a_killed_worker_is_a_dead_actor_and_survives_pickling(error, for_memory):
    found = pickle.loads(pickle.dumps(_as_dead_actor(error)))
    assert isinstance(found, WorkerKilledError)
    assert isinstance(found, RayActorError)
    assert found.for_memory == for_memory
    assert str(found) == str(error)


def test_other_errors_stay_as_they_are():
    for error in (RayActorError(), ValueError("ours")):
        assert _as_dead_actor(error) is error


def test_the_first_exception_of_a_traceback_is_the_cause():
    said = (
        "The actor died.\nTraceback (most recent call last):\n  File x\n"
        "ImportError: libcudnn.so.9: cannot open\n\nDuring handling of the above exception, "
        "another exception occurred:\n\nAttributeError: no _study\nAn unexpected internal error"
    )
    assert cause_in_words(RayActorError(error_msg=said)) == (
        "The trial's worker died: ImportError: libcudnn.so.9: cannot open"
    )
    assert cause_in_words(RayActorError(error_msg="a\nlast")) == "The trial's worker died: last"
    assert "no reason" in cause_in_words(RayActorError(error_msg=""))


def test_memory_says_what_there_was_and_what_to_change():
    said = in_words(WorkerKilledError("Memory was 2.87GB / 3.00GB (0.957), which exceeds", True))
    assert "2.87GB of 3.00GB were in use" in said
    assert "resources.concurrent" in said
