"""An ONNX file: input `pixels`, output `probabilities`, class names in its metadata."""

from __future__ import annotations

import importlib
import importlib.util
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

from trainables.networks.weights import finalise

if TYPE_CHECKING:
    import onnx

KEY = "class_names"
INPUT, OUTPUT = "pixels", "probabilities"

BATCH = 16
"""Images that ONNX's own evaluator computes at a time."""


def write(model: keras.Model, names: Sequence[str], path: Path) -> None:
    """Write a model, pixels to probabilities, and its class names as a JSON list."""
    import onnx

    _convertible(model).export(path, format="onnx", verbose=False)
    written = onnx.load(path)
    _name_ends(written.graph)
    size = model.input_shape[1]
    onnx.helper.set_model_props(
        written,
        {
            KEY: json.dumps(list(names), ensure_ascii=False),
            "input": f"RGB, 0..255, float32 (batch, {size}, {size}, 3); preprocessing is inside",
        },
    )
    onnx.checker.check_model(written)
    onnx.save(written, path)


def _convertible(model: keras.Model) -> keras.Model:
    """The same function in operations that tf2onnx knows.

    It knows neither Keras's GELU, which computes with erfc, nor its convolutions in groups, which
    call XLA: ConvNeXt has both.
    """
    replaced = keras.models.clone_model(model, clone_function=_known)
    for weight, given in zip(replaced.weights, model.weights, strict=True):
        # A kernel of one channel a group, (h, w, 1, c), has the order of a depthwise (h, w, c, 1).
        weight.assign(np.reshape(given.numpy(), weight.shape))
    finalise(replaced.layers)
    replaced(np.zeros((1, *model.input_shape[1:]), np.float32))  # Keras exports what was called
    return replaced


def _known(operation: keras.Operation) -> keras.Operation:
    """A copy of a layer, or an equivalent that tf2onnx can convert."""
    if not isinstance(operation, keras.Layer):
        return operation
    config = operation.get_config()
    if isinstance(operation, keras.layers.Activation) and config["activation"] == "gelu":
        return keras.layers.Activation(_gelu, name=operation.name)
    is_depthwise = type(operation) is keras.layers.Conv2D and (
        1 < operation.groups == operation.filters == operation.input.shape[-1]
    )
    if is_depthwise:
        same = ("name", "strides", "padding", "dilation_rate", "activation", "use_bias")
        kept = {name: config[name] for name in same}
        return keras.layers.DepthwiseConv2D(operation.kernel_size, **kept)
    return type(operation).from_config(config)


def _gelu(x: keras.KerasTensor) -> keras.KerasTensor:
    return x * (1 + keras.ops.erf(x / math.sqrt(2))) / 2


def _name_ends(graph: onnx.GraphProto) -> None:
    """Name input, output and batch axis, which tf2onnx only numbers."""
    renamed = {graph.input[0].name: INPUT, graph.output[0].name: OUTPUT}
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for value in (graph.input[0], graph.output[0]):
        value.name = renamed[value.name]
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def outputs(path: Path, pixels: np.ndarray) -> np.ndarray:
    """Probabilities that the file gives for float32 pixels (images, size, size, 3).

    ONNX Runtime computes it where it is installed, else ONNX's own evaluator: exact, and about a
    third of a second an image of 224 pixels for a small network.
    """
    if importlib.util.find_spec("onnxruntime"):
        runtime = importlib.import_module("onnxruntime")
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return np.asarray(session.run([OUTPUT], {INPUT: pixels})[0])
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(path))
    starts = range(0, len(pixels), BATCH)
    parts = [pixels[start : start + BATCH] for start in starts]
    # It computes both forms of a sigmoid and takes the one that does not overflow.
    with np.errstate(over="ignore", invalid="ignore"):
        return np.concatenate([np.asarray(evaluator.run([OUTPUT], {INPUT: x}))[0] for x in parts])


def class_names(path: Path) -> tuple[str, ...]:
    """The names that the file holds, in the order of its outputs."""
    import onnx

    properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    return tuple(json.loads(properties[KEY]))
