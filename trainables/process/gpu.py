"""GPU memory: keeping a worker to its share."""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from functools import cache

CONTEXT_BYTES = 600 * 2**20
"""Memory that CUDA and its libraries take in each process on top of TensorFlow's."""


_LEAST_BYTES = 2**20
"""To TensorFlow, a limit of 0 means none."""


@cache
def limit_memory(gpu: float) -> None:
    """Keep this process to its share; call it once, before TensorFlow initializes a device.

    Args:
        gpu: Share of a GPU. 0 hides all GPUs: a trial on CPUs must not take another one's memory.
    """
    import tensorflow as tf

    found = tf.config.list_physical_devices("GPU")
    if not gpu:
        tf.config.set_visible_devices([], "GPU")
        return
    for device in found:
        most = bytes_allowed(gpu, gpu_memory(os.environ.get("CUDA_VISIBLE_DEVICES")))
        if most is None:
            tf.config.experimental.set_memory_growth(device, True)
        else:
            share = tf.config.LogicalDeviceConfiguration(memory_limit=most // 2**20)
            tf.config.set_logical_device_configuration(device, [share])


def hide_gpus() -> None:
    """Leave all GPUs to other processes; TensorFlow would take nearly all memory of the first.

    Has no effect on a process that has used one already.
    """
    from trainables.process.tensorflow_setup import import_tensorflow

    import_tensorflow()
    with suppress(RuntimeError):
        limit_memory(0)


def bytes_allowed(gpu: float, memory: int | None) -> int | None:
    """Bytes that TensorFlow may take of a GPU.

    Args:
        gpu: The share.
        memory: Bytes of the GPU; None if unknown.

    Returns:
        None if it may take what it needs: a whole GPU, or one of unknown size.
    """
    if gpu >= 1 or memory is None:
        return None
    return max(_LEAST_BYTES, int(gpu * memory) - CONTEXT_BYTES)


@cache
def usable_memory() -> int | None:
    """Bytes of the first GPU that TensorFlow may use in this process; None without a GPU.

    Call it after `limit_memory`.
    """
    import tensorflow as tf

    if not tf.config.list_logical_devices("GPU"):
        return None
    [device, *_] = tf.config.list_physical_devices("GPU")
    for part in tf.config.get_logical_device_configuration(device) or ():
        if part.memory_limit:
            return int(part.memory_limit * 2**20)
    return gpu_memory(os.environ.get("CUDA_VISIBLE_DEVICES"))


def gpu_memory(device: str | None = None) -> int | None:
    """Bytes of a GPU of this machine, or None if NVIDIA's driver reports none.

    Args:
        device: Its number or UUID. None, or several: the smallest of them.
    """
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    if device:
        command += ["-i", device]
    try:
        answer = subprocess.run(  # noqa: S603
            command, capture_output=True, encoding="utf-8", timeout=20, check=True
        )
        return min(int(line) for line in answer.stdout.split()) * 2**20
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
