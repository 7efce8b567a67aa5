"""A LiteRT (.tflite) file, with the class names as a zip archive at its end.

TensorFlow Lite's metadata keeps associated files there too. Interpreters ignore it, and any zip
tool extracts labels.txt, one name a line.
"""

from __future__ import annotations

import importlib
import zipfile
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

MEMBER = "labels.txt"


def write(
    model: keras.Model, names: Sequence[str], path: Path, *, is_quantized: bool = False
) -> None:
    """Write a model, pixels to probabilities, and its class names.

    Only LiteRT's own operations are used, so that it runs without TensorFlow.

    Args:
        model: Pixels to probabilities.
        names: In the order of its outputs.
        path: Ends in .tflite.
        is_quantized: Keep weights in 8 bits; activations stay in floating point.
    """
    options = {"optimizations": [tf.lite.Optimize.DEFAULT]} if is_quantized else {}
    operations = {"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS]}
    model.export(path, format="litert", verbose=False, target_spec=operations, **options)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(MEMBER, "".join(f"{' '.join(name.splitlines())}\n" for name in names))


def outputs(path: Path, pixels: np.ndarray) -> np.ndarray:
    """Probabilities that the file gives for float32 pixels (images, size, size, 3)."""
    module = importlib.import_module("ai_edge_litert.interpreter")
    interpreter = module.Interpreter(model_path=str(path))
    given = interpreter.get_input_details()[0]["index"]
    interpreter.resize_tensor_input(given, (1, *pixels.shape[1:]))
    interpreter.allocate_tensors()
    [output] = interpreter.get_output_details()
    found = []
    for image in pixels:
        interpreter.set_tensor(given, image[np.newaxis])
        interpreter.invoke()
        found.append(interpreter.get_tensor(output["index"])[0])
    return np.stack(found)


def class_names(path: Path) -> tuple[str, ...]:
    """The names that the file holds, in the order of its outputs."""
    with zipfile.ZipFile(path) as archive:
        return tuple(archive.read(MEMBER).decode().splitlines())
