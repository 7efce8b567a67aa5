"""Layer-wise decay of the learning rate: the blocks of a network, counted from its head down."""

from __future__ import annotations

import keras

from trainables.networks.cut import crossings
from trainables.networks.head import PREFIX
from trainables.networks.multiply_adds import is_an_attention
from trainables.networks.network import has_kernel


def blocks_below_the_head(model: keras.Model) -> dict[str, int]:
    """How many blocks each weight lies below the head, by its path: 0 for the head itself.

    A block begins with the first convolution or dense layer after a place where a single tensor
    crosses the graph: a residual block is one, and so is each layer of a plain chain. What follows
    a depthwise convolution or an attention belongs to its block, as does a batch norm to the layer
    before it; a layer norm at a block's beginning belongs to the block.

    Args:
        model: Pixels to logits.
    """
    ends = {id(operation) for operation in crossings(model)}
    block, is_closed, is_depthwise, is_attention = 0, True, False, False
    numbers: dict[str, int] = {}
    first_norms: list[str] = []
    for operation in model.operations:
        is_attention |= is_an_attention(operation)
        is_end = id(operation) in ends
        if is_attention and is_end:
            is_attention = is_end = False
        if not isinstance(operation, keras.Layer) or operation.name.startswith(PREFIX):
            continue
        if has_kernel(operation):
            is_depthwise = isinstance(operation, keras.layers.DepthwiseConv2D)
            if is_closed:
                block, is_closed = block + 1, False
                numbers |= dict.fromkeys(first_norms, block)
                first_norms = []
        numbers |= {weight.path: block for weight in operation.weights}
        if is_closed and isinstance(operation, keras.layers.LayerNormalization):
            first_norms += [weight.path for weight in operation.weights]
        is_closed |= is_end and not is_depthwise
    of_the_head = {
        weight.path: 0
        for layer in model.layers
        if layer.name.startswith(PREFIX)
        for weight in layer.weights
    }
    return {path: block - number + 1 for path, number in numbers.items()} | of_the_head
