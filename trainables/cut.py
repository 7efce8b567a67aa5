"""Where a graph can be cut in two: what lies below is the same in every epoch."""

from __future__ import annotations

from dataclasses import dataclass

import keras


@dataclass(frozen=True)
class Cut:
    """A graph in two parts, sharing its layers.

    Attributes:
        name: Of the operation whose output crosses the cut; "pixels" where `below` is None.
        below: Pixels to activations at the cut, or None if no weights lie below any cut.
        above: Those activations to logits.
    """

    name: str
    below: keras.Model | None
    above: keras.Model


def cut(model: keras.Model) -> Cut:
    """Cut a graph as high as possible with nothing below that changes from step to step.

    Trained layers and stochastic ones (dropout that is on) stay above. The cut runs through
    one tensor: where blocks have side branches, it lies below the block.
    """
    operations = model.operations
    position = {id(operation): i for i, operation in enumerate(operations)}
    first = next(i for i, operation in enumerate(operations) if _changes(operation))
    reach = list(range(len(operations)))
    for i, operation in enumerate(operations):
        for source in _sources(operation):
            if id(source) in position:
                reach[position[id(source)]] = max(reach[position[id(source)]], i)
    best, furthest = 0, -1
    for i in range(first):
        if furthest <= i:
            best = i
        furthest = max(furthest, reach[i])
    tensor = operations[best].output
    below = keras.Model(model.input, tensor)
    if not below.weights:
        return Cut(operations[0].name, None, model)
    return Cut(operations[best].name, below, keras.Model(tensor, model.output))


def _changes(operation: keras.Operation) -> bool:
    if isinstance(operation, keras.layers.Dropout):
        return operation.rate > 0
    return isinstance(operation, keras.Layer) and bool(operation.trainable_weights)


def _sources(operation: keras.Operation) -> list[keras.Operation]:
    return [
        tensor._keras_history.operation
        for node in operation._inbound_nodes
        for tensor in node.input_tensors
    ]
