"""What an error of a device means: out of memory, and where; or a GPU that is lost for good.

CUDA's libraries report a lack of memory in several ways, as errors of several classes. A CUDA error
such as an illegal address sticks: all that the process computes later fails with it.
"""

from __future__ import annotations

import re
from typing import Literal

Place = Literal["device", "host"]

_MEMORY = re.compile(
    r"\bOOM\b|out of memory|out_of_memory|ALLOC_FAILED|No algorithm worked"
    r"|failed to allocate|CUDNN_STATUS_NOT_INITIALIZED|failed to create cublas handle",
    re.IGNORECASE,
)
_LOST = re.compile(
    r"CUDA_ERROR_|cudaError|illegal (memory access|address|instruction)|device-side assert"
    r"|CUDNN_STATUS_(INTERNAL_ERROR|EXECUTION_FAILED)|CUBLAS_STATUS_(INTERNAL_ERROR|EXECUTION)"
    r"|unspecified launch failure|uncorrectable ECC|GPU is lost",
    re.IGNORECASE,
)
_ON_HOST = re.compile(r"device:CPU|allocator cpu|cpu_allocator|mklcpu", re.IGNORECASE)


def shortage(error: BaseException) -> Place | None:
    """Where memory ran out, on the device or on the host; None if it did not.

    Args:
        error: As Python, NumPy or TensorFlow raised it.
    """
    import tensorflow as tf

    if isinstance(error, MemoryError):
        return "host"
    if not isinstance(error, tf.errors.OpError):
        return None
    text = str(error)
    if isinstance(error, tf.errors.ResourceExhaustedError) or _MEMORY.search(text):
        return "host" if _ON_HOST.search(text) else "device"
    return None


def is_device_lost(error: BaseException) -> bool:
    """Whether this process can compute nothing on its device any more."""
    import tensorflow as tf

    is_of_tensorflow = isinstance(error, tf.errors.OpError)
    return is_of_tensorflow and shortage(error) is None and bool(_LOST.search(str(error)))


def in_phase(error: BaseException, phase: str) -> None:
    """Remember in an error what was being done; the innermost phase counts."""
    vars(error).setdefault("phase", phase)


def phase_of(error: BaseException) -> str | None:
    """What was being done when an error occurred, if `in_phase` was called with it."""
    found: str | None = vars(error).get("phase")
    return found
