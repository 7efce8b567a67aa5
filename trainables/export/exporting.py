"""Exports of a model to other formats, each compared with the model."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spaces.errors import InputError, RunStateError
from trainables.process.messages import muted

if TYPE_CHECKING:
    import keras

TOLERANCE = 1e-4
"""Largest allowed difference of a probability from that of the .keras model."""

KEPT_CLASSES = 0.95
"""Smallest share of images for which a quantized model must predict the same class."""


@dataclass(frozen=True)
class Format:
    """An export format.

    Attributes:
        module: Name of its module in `trainables.export`.
        suffix: Suffix of the file or folder.
        packages: Modules from the extra `export` that writing and comparing need.
        images: Number of images to compare, the same for every format.
    """

    module: str
    suffix: str
    packages: tuple[str, ...] = ()
    images: int = 64


FORMATS = {
    "keras": Format("keras_file", ".keras"),
    "savedmodel": Format("saved_model", ".savedmodel"),
    "onnx": Format("onnx_file", ".onnx", ("onnx", "tf2onnx")),
    "litert": Format("litert", ".tflite", ("ai_edge_litert",)),
}


@dataclass(frozen=True)
class Comparison:
    """Comparison of an export with its model on the same images.

    Attributes:
        images: Number of images.
        difference: Largest difference of a probability.
        same_class: Share of images for which both predict the same class.
    """

    images: int
    difference: float
    same_class: float


def check_format(name: str, is_quantized: bool) -> Format:
    """The format of this name.

    Raises:
        InputError: If there is no such format, it cannot be quantized, or a package is missing.
    """
    if name not in FORMATS:
        raise InputError(f"There is no format {name!r}. Choose from {', '.join(FORMATS)}.")
    if is_quantized and name != "litert":
        raise InputError(
            f"--quantize is for --format litert; {name} keeps the weights as they are."
        )
    missing = [p for p in FORMATS[name].packages if not importlib.util.find_spec(p)]
    if missing:
        raise InputError(
            f"--format {name} needs {' and '.join(missing)}, which is not installed. "
            'Install it with pip install "thawtune[export]".'
        )
    return FORMATS[name]


def write_export(
    model: keras.Model,
    names: Sequence[str],
    path: Path,
    format_: Format,
    pixels: np.ndarray,
    is_quantized: bool = False,
) -> Comparison:
    """Write a model in a format and read it back for comparison.

    Args:
        model: Maps pixels to probabilities.
        names: Its class names.
        path: Where to write; it ends in the format's suffix.
        format_: Result of `check_format`.
        pixels: Real images, uint8 (images, size, size, 3).
        is_quantized: Store weights in 8 bits.

    Raises:
        RunStateError: If the model cannot be converted, or the export's outputs differ.
    """
    from trainables.networks.forward import forward

    module = importlib.import_module(f"trainables.export.{format_.module}")
    options = {"is_quantized": True} if is_quantized else {}
    shown = pixels.astype(np.float32)
    with muted():
        expected = forward(model, shown)
        try:
            module.write(model, names, path, **options)
            found = module.outputs(path, shown)
        # Each converter raises exceptions of its own, and documents none.
        except Exception as error:
            raise RunStateError(
                f"The model cannot be converted to {path.suffix}: {' '.join(str(error).split())}"
            ) from error
    return _checked(_compare(expected, found), is_quantized)


def _compare(expected: np.ndarray, found: np.ndarray) -> Comparison:
    same = (expected.argmax(axis=-1) == found.argmax(axis=-1)).mean()
    return Comparison(len(expected), float(np.abs(expected - found).max()), float(same))


def _checked(comparison: Comparison, is_quantized: bool) -> Comparison:
    shown = f"on {comparison.images} validation images"
    if is_quantized:
        if not comparison.same_class >= KEPT_CLASSES:
            raise RunStateError(
                f"With 8-bit weights, only {comparison.same_class:.0%} of predictions {shown} stay "
                f"the same, less than {KEPT_CLASSES:.0%}; nothing was written. Omit --quantize."
            )
    elif not comparison.difference <= TOLERANCE:
        raise RunStateError(
            f"The export's probabilities differ from the model's by up to "
            f"{comparison.difference:.2g} {shown}, more than {TOLERANCE:.0e}; nothing was written. "
            "Try another format, and report this with the model."
        )
    return comparison
