"""Where a graph can be cut in two: what lies below is the same in every epoch."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from itertools import takewhile

import keras

from trainables.networks.keras_private import sources

PIXELS = "pixels"
"""Name of the cut at the input, with nothing below it."""

_OWN_RATE = "thawed_rate"
"""Attribute in which a frozen dropout layer keeps the rate that it will have once thawed."""


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


def cut(model: keras.Model, kept: Collection[str] | None = None) -> Cut:
    """Cut a graph as high as possible with nothing below that changes from step to step.

    Trained layers and stochastic ones (dropout that is on) stay above. The cut runs through
    one tensor: where blocks have side branches, it lies below the block.

    Args:
        model: Pixels to logits; its frozen dropout layers are turned off, its thawed ones on.
        kept: Names of the cuts to choose from; None allows all.
    """
    for operation in reversed(cuts(model)):
        if kept is None or operation.name in kept:
            below = keras.Model(model.input, operation.output)
            if not below.weights:
                break
            return Cut(operation.name, below, keras.Model(operation.output, model.output))
    return Cut(PIXELS, None, model)


def cuts(model: keras.Model) -> list[keras.Operation]:
    """Operations whose outputs a graph can be cut at, input first."""
    freeze_dropout(model)
    unchanged = {id(one) for one in takewhile(lambda one: not _changes(one), model.operations)}
    return [operation for operation in crossings(model) if id(operation) in unchanged]


def crossings(model: keras.Model) -> list[keras.Operation]:
    """Operations whose output is all that later ones take from here and below, input first."""
    operations = model.operations
    position = {id(operation): i for i, operation in enumerate(operations)}
    reach = list(range(len(operations)))
    for i, operation in enumerate(operations):
        for source in sources(operation):
            if id(source) in position:
                reach[position[id(source)]] = max(reach[position[id(source)]], i)
    found, furthest = [], -1
    for i, operation in enumerate(operations):
        if furthest <= i:
            found.append(operation)
        furthest = max(furthest, reach[i])
    return found


def freeze_dropout(model: keras.Model) -> None:
    """Turn dropout off in the frozen part, whose batch norms run in inference mode too.

    Above the boundary it is on, as it is right below it, where it feeds a thawed layer.
    """
    operations = model.operations
    fed = {
        id(source)
        for operation in operations
        if _is_trained(operation)
        for source in sources(operation)
    }
    for operation in operations:
        if isinstance(operation, keras.layers.Dropout):
            _turn(operation, on=operation.trainable or id(operation) in fed)


def _turn(dropout: keras.layers.Dropout, on: bool) -> None:
    """Turn it off, or back on; leave a layer alone that was never turned off here."""
    if on and hasattr(dropout, _OWN_RATE):
        dropout.rate = getattr(dropout, _OWN_RATE)
        delattr(dropout, _OWN_RATE)
    elif not on and not hasattr(dropout, _OWN_RATE):
        setattr(dropout, _OWN_RATE, dropout.rate)
        dropout.rate = 0.0


def _changes(operation: keras.Operation) -> bool:
    if isinstance(operation, keras.layers.Dropout):
        return operation.rate > 0
    return _is_trained(operation)


def _is_trained(operation: keras.Operation) -> bool:
    return isinstance(operation, keras.Layer) and bool(operation.trainable_weights)
