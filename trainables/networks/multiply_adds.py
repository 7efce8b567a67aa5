"""The arithmetic of one image's forward pass through an operation, in multiply-adds."""

from __future__ import annotations

import math

import keras

_ATTENTIONS = ("DotProductAttention", "MultiHeadAttention")


def multiply_adds(operation: keras.Operation) -> int:
    """Multiply-adds of a convolution, a dense layer or an attention; 0 of all others."""
    _, *shape = keras.tree.flatten(operation.output)[0].shape
    kernels = [w for w in getattr(operation, "weights", ()) if w.path.endswith("kernel")]
    of_kernels = math.prod(shape[:-1]) * sum(math.prod(kernel.shape) for kernel in kernels)
    if not is_an_attention(operation):
        return of_kernels
    # Products of queries and keys, and of shares and values.
    return of_kernels + 2 * shape[0] * math.prod(shape)


def is_an_attention(operation: keras.Operation) -> bool:
    """Whether each token looks at all others in an operation, (batch, tokens, ...)."""
    return type(operation).__name__ in _ATTENTIONS
