"""An ONNX file: input `pixels`, output `probabilities`, class names in its metadata."""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np

if TYPE_CHECKING:
    import onnx

KEY = "class_names"
INPUT, OUTPUT = "pixels", "probabilities"


def write(model: keras.Model, names: Sequence[str], path: Path) -> None:
    """Write a model, pixels to probabilities, and its class names as a JSON list."""
    import onnx

    model.export(path, format="onnx", verbose=False)
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


def _name_ends(graph: onnx.GraphProto) -> None:
    """Give input, output and batch axis names that can be remembered; tf2onnx numbers them."""
    renamed = {graph.input[0].name: INPUT, graph.output[0].name: OUTPUT}
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for value in (graph.input[0], graph.output[0]):
        value.name = renamed[value.name]
        value.type.tensor_type.shape.dim[0].dim_param = "batch"


def outputs(path: Path, pixels: np.ndarray) -> np.ndarray:
    """What the file says of float32 pixels (images, size, size, 3).

    By ONNX Runtime where it is installed, else by ONNX's own evaluator, which is exact and slow.
    """
    if importlib.util.find_spec("onnxruntime"):
        runtime = importlib.import_module("onnxruntime")
        session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        return np.asarray(session.run([OUTPUT], {INPUT: pixels})[0])
    from onnx.reference import ReferenceEvaluator

    evaluator = ReferenceEvaluator(str(path))
    found = [np.asarray(evaluator.run([OUTPUT], {INPUT: x[np.newaxis]})) for x in pixels]
    return np.concatenate([array[0] for array in found])


def class_names(path: Path) -> tuple[str, ...]:
    """The names that the file holds, in the order of its outputs."""
    import onnx

    properties = {entry.key: entry.value for entry in onnx.load(path).metadata_props}
    return tuple(json.loads(properties[KEY]))
