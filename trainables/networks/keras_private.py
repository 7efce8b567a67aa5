"""Keras's private names that thawtune needs, all in one place; seen in Keras 3.15.1.

Keras has no public way to walk a graph's edges, to number layers from zero without leaving the
distribution strategy, or to find an optimizer's slots. `missing` says what a Keras has lost, and a
test calls it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
from keras.src.applications.convnext import LayerScale as LayerScale
from keras.src.utils import naming

SEEN_IN = "3.15.1"

Node = tuple[list[Any], Any]
"""A node, Keras's record of one call of an operation, and the operation's list that it is in."""


def sources(operation: keras.Operation) -> list[keras.Operation]:
    """Operations whose outputs go into an operation."""
    return [
        tensor._keras_history.operation
        for node in operation._inbound_nodes
        for tensor in node.input_tensors
    ]


def nodes(operation: keras.Operation) -> Iterator[Node]:
    """All nodes that an operation knows of: those it ends, and those it begins."""
    for listed in (operation._inbound_nodes, operation._outbound_nodes):
        for node in listed:
            yield listed, node


def run_through(
    model: keras.Model,
    inputs: keras.KerasTensor,
    operation: Callable[[keras.Operation], keras.Operation],
) -> keras.KerasTensor:
    """Append a functional model's graph to another one, each operation replaced by another.

    Args:
        model: With one input and one output.
        inputs: In the place of its input.
        operation: From an operation of the model to the one to call.
    """
    graph = getattr(model, "_functional", model)  # a Sequential has its graph inside
    return keras.tree.flatten(graph._run_through_graph([inputs], operation))[0]


def number_names_from_zero() -> None:
    """Number layers without a name of their own from zero again.

    `keras.backend.clear_session` does so too, but it also takes the thread out of its distribution
    strategy, and makes TensorFlow compile all traced functions again.
    """
    naming.reset_uids()


def index_of(optimizer: keras.Optimizer, variable: Any) -> int:
    """The position of a variable, or of a replica's part of it, in a built optimizer."""
    index: int = optimizer._get_variable_index(variable)
    return index


def weights_of(optimizer: keras.Optimizer) -> list[keras.Variable]:
    """The weights that an optimizer was built for; an attribute of ours would make them its own."""
    weights: list[keras.Variable] = optimizer._trainable_variables
    return weights


def adam_slots(optimizer: keras.optimizers.Adam, variable: Any) -> tuple[Any, Any]:
    """A built Adam's first and second moment of a variable."""
    index = index_of(optimizer, variable)
    return optimizer._momentums[index], optimizer._velocities[index]


def sgd_slot(optimizer: keras.optimizers.SGD, variable: Any) -> Any:
    """A built SGD's momentum of a variable; it has none where momentum is 0."""
    return optimizer.momentums[index_of(optimizer, variable)]


def missing() -> list[str]:
    """A sentence for each private name that the installed Keras no longer has."""
    inputs = keras.Input((1,))
    layer = keras.layers.Dense(1)
    output = layer(inputs)
    adam, sgd = keras.optimizers.Adam(), keras.optimizers.SGD()
    for optimizer in (adam, sgd):
        optimizer.build(layer.trainable_weights)
    node = next(iter(getattr(layer, "_inbound_nodes", [])), None)
    needed = [
        (layer, "Layer", "_inbound_nodes"),
        (layer, "Layer", "_outbound_nodes"),
        (node, "Node", "input_tensors"),
        (output, "KerasTensor", "_keras_history"),
        (getattr(output, "_keras_history", None), "KerasHistory", "operation"),
        (naming, "keras.src.utils.naming", "reset_uids"),
        (keras.Model(inputs, output), "Model", "_run_through_graph"),
        (adam, "Adam", "_get_variable_index"),
        (adam, "Adam", "_trainable_variables"),
        (adam, "Adam", "_momentums"),
        (adam, "Adam", "_velocities"),
        (sgd, "SGD", "momentums"),
    ]
    return [
        f"Keras {keras.__version__} has no {owner}.{name}, which Keras {SEEN_IN} had: change "
        f"trainables/networks/keras_private.py, or require an older Keras."
        for thing, owner, name in needed
        if not hasattr(thing, name)
    ]
