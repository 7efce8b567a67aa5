"""What a process keeps in memory from trial to trial: tensors, the ones used last."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import tensorflow as tf


class Residents:
    """Tensors by name.

    Args:
        most: Bytes of all together; the last one that was asked for stays whatever its size.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tensors: OrderedDict[str, tf.Tensor] = OrderedDict()

    def get(self, name: str, make: Callable[[], tf.Tensor]) -> tf.Tensor:
        """The tensor of this name, made unless it is there."""
        if name not in self._tensors:
            self._tensors[name] = make()
        self._tensors.move_to_end(name)
        while len(self._tensors) > 1 and self._bytes() > self._most:
            self._tensors.popitem(last=False)
        return self._tensors[name]

    def clear(self) -> None:
        """Forget all of them."""
        self._tensors.clear()

    def _bytes(self) -> int:
        return sum(
            tensor.dtype.size * tensor.shape.num_elements() for tensor in self._tensors.values()
        )
