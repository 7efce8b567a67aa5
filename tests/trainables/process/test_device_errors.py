"""Errors of devices: a lack of memory and its place, and GPUs that are lost."""

from __future__ import annotations

import pytest
import tensorflow as tf

from trainables.process.device_errors import in_phase, is_device_lost, phase_of, shortage

GPU = "OOM when allocating tensor with shape[256,64,112,112] on device:GPU:0 by GPU_0_bfc"
CPU = "OOM when allocating tensor with shape[256,64] on device:CPU:0 by allocator cpu"


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (tf.errors.ResourceExhaustedError(None, None, GPU), "device"),
        (tf.errors.ResourceExhaustedError(None, None, CPU), "host"),
        (tf.errors.NotFoundError(None, None, "No algorithm worked!  Error messages:"), "device"),
        (tf.errors.InternalError(None, None, "cublas error: CUBLAS_STATUS_ALLOC_FAILED"), "device"),
        (tf.errors.InternalError(None, None, "cuDNN: CUDNN_STATUS_ALLOC_FAILED"), "device"),
        (tf.errors.UnknownError(None, None, "CUDNN_STATUS_NOT_INITIALIZED"), "device"),
        (tf.errors.InternalError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory"), "device"),
        (MemoryError("Unable to allocate 11.2 GiB"), "host"),
        (tf.errors.NotFoundError(None, None, "weights.h5; No such file or directory"), None),
        (ValueError("OOM"), None),
    ],
)
def test_each_way_of_saying_that_memory_ran_out(error, place):
    assert shortage(error) == place
    assert not is_device_lost(error)


@pytest.mark.parametrize(
    "said",
    [
        "CUDA_ERROR_ILLEGAL_ADDRESS: an illegal memory access was encountered",
        "CUDA_ERROR_LAUNCH_FAILED: unspecified launch failure",
        "CUDNN_STATUS_EXECUTION_FAILED",
        "device-side assert triggered",
    ],
)
def test_an_error_that_sticks_is_a_lost_device_and_no_lack_of_memory(said):
    error = tf.errors.InternalError(None, None, said)
    assert is_device_lost(error)
    assert shortage(error) is None
    assert not is_device_lost(ValueError(said))


def test_the_innermost_phase_of_an_error_counts():
    error = MemoryError()
    assert phase_of(error) is None
    in_phase(error, "evaluate")
    in_phase(error, "train")
    assert phase_of(error) == "evaluate"
