"""The arithmetic of a process: 32 bits, or 16 bits with the weights in 32 (Keras's mixed policies).

Logits, losses, statistics of norms, weights and what an optimizer keeps are float32 everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from spaces.errors import InputError
from spaces.studies.study import Precision

_BFLOAT16, _FLOAT16 = (8, 0), (7, 0)
"""The first GPUs with fast bfloat16 (Ampere) and fast float16 (Volta): compute capabilities."""


def set_precision(precision: Precision, workers: int = 1) -> str:
    """Choose the arithmetic of all networks that this process builds from now on.

    Call it after `limit_memory`, which may hide the GPUs.

    Args:
        precision: As in `Resources.precision`.
        workers: Processes that train one network together.

    Returns:
        What "auto" has become, or `precision` itself.

    Raises:
        InputError: If several workers are to train with scaled losses.
    """
    import keras

    chosen = resolved(precision, _capability() if precision == "auto" else None, workers)
    if keras.config.dtype_policy().name != chosen:
        keras.config.set_dtype_policy(chosen)
    return chosen


def resolved(precision: Precision, capability: tuple[int, int] | None, workers: int = 1) -> str:
    """The precision that "auto" means on a device; any other one as it is.

    Args:
        precision: As in `Resources.precision`.
        capability: The GPU's compute capability; None without a GPU.
        workers: Processes that train one network together. The scale of the losses would have to
            change in all of them at once, so "auto" takes float16 for one only.

    Raises:
        InputError: If float16 is given for several.
    """
    if precision == "mixed_float16" and workers > 1:
        raise InputError(
            f"resources.precision is mixed_float16, which scales losses in one worker, but there "
            f"are {workers}. Set it to mixed_bfloat16 or float32, or use --workers 1."
        )
    if precision != "auto":
        return precision
    if capability is None or capability < _FLOAT16:
        return "float32"
    if capability >= _BFLOAT16:
        return "mixed_bfloat16"
    return "mixed_float16" if workers == 1 else "float32"


def precision_now() -> str:
    """The precision of networks that this process builds."""
    import keras

    name: str = keras.config.dtype_policy().name
    return name


def is_scaled() -> bool:
    """Whether losses have to be scaled: the gradients of float16 vanish below 6e-8."""
    return precision_now() == "mixed_float16"


def has_tf32() -> bool:
    """Whether a GPU of this process multiplies float32 with 10 bits of the mantissa."""
    import tensorflow as tf

    is_on: bool = tf.config.experimental.tensor_float_32_execution_enabled()
    return is_on and bool(tf.config.get_visible_devices("GPU"))


@contextmanager
def in_precision(precision: str) -> Iterator[None]:
    """Build networks in another precision for a while."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _capability() -> tuple[int, int] | None:
    """Compute capability of the GPU that this process may use; None without one."""
    import tensorflow as tf

    devices = tf.config.get_visible_devices("GPU")
    if not devices:
        return None
    details = tf.config.experimental.get_device_details(devices[0])
    found: tuple[int, int] | None = details.get("compute_capability")
    return found
