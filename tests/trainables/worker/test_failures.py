"""What a trial reports of the error that ended it."""

from __future__ import annotations

import pytest
import tensorflow as tf

from spaces.errors import DataError, TrialFailedError
from trainables.process.device_errors import in_phase
from trainables.worker.failures import failure_of

DEVICE = tf.errors.ResourceExhaustedError
ON_GPU = "OOM when allocating tensor with shape[32,64,112,112] on device:GPU:0"
ON_CPU = "OOM when allocating tensor with shape[32,64] on device:CPU:0 by allocator cpu"


def failed(error: Exception, phase: str | None, accumulate: int = 1) -> dict:
    if phase is not None:
        in_phase(error, phase)
    return failure_of(error, 32, accumulate)


@pytest.mark.parametrize(
    ("text", "phase", "too_large"),
    [
        (ON_GPU, "train", "batch"),
        (ON_GPU, "start", "batch"),
        (ON_GPU, "evaluate", "evaluation"),
        (ON_GPU, "features", "evaluation"),
        (ON_CPU, "train", "batch"),
        (ON_CPU, "evaluate", "evaluation"),
        (ON_CPU, "features", "share"),
        (ON_CPU, None, "share"),
    ],
)
def test_what_is_made_smaller_depends_on_place_and_phase(text, phase, too_large):
    found = failed(DEVICE(None, None, text), phase)
    assert found["too_large"] == too_large
    state, reason, said = found["end"]
    assert (state, reason) == ("FAIL", "out_of_memory")
    assert said.count("\n") == 0
    assert "shape[32,64" in said


def test_the_sentence_says_what_was_tried_and_what_to_change():
    said = failed(DEVICE(None, None, ON_GPU), "train", accumulate=8)["end"][2]
    assert "GPU memory" in said
    assert "each batch of 32 in 8 parts" in said
    assert "a smaller batch_size" in said
    assert "a larger resources.gpu" in said
    said = failed(MemoryError("Unable to allocate 11.2 GiB"), None)["end"][2]
    assert "Unable to allocate 11.2 GiB" in said
    assert "its machine has" in said
    assert "resources.concurrent" in said


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (TrialFailedError("non_finite", "nan"), "non_finite"),
        (DataError("photo.jpg"), "data"),
        (KeyError("x"), "error"),
    ],
)
def test_other_errors_keep_their_reason(error, reason):
    found = failed(error, "train")
    assert found["end"][:2] == ("FAIL", reason)
    assert "too_large" not in found
