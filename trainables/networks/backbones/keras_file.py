"""A person's own `.keras` file as a backbone: any flat functional graph of Keras's own layers."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from functools import lru_cache

import keras

from spaces.errors import InputError, WeightsError
from trainables.networks.head import PREFIX
from trainables.networks.initial_weights import is_generator
from trainables.networks.keras_private import run_through
from trainables.networks.weights import finalise, mark_source
from trainables.process.precision import precision_now
from trainables.weights.packaged import sha256

_TAKEN = (PREFIX, "preprocess", "pixels", "probabilities")
"""How the names of layers begin that thawtune adds to a backbone."""

_MEND = (
    "Give a file that Keras saved from keras.Model(inputs, outputs) with layers of Keras's own, or "
    "from keras.Sequential"
)


def features_of(inputs: keras.KerasTensor, path: str) -> keras.KerasTensor:
    """Append the graph of a `.keras` file, with its weights, to a graph.

    Args:
        inputs: (batch, height, width, 3), preprocessed.
        path: Of the file.

    Returns:
        Its output: maps, tokens or a vector.

    Raises:
        InputError: If it is not a flat functional model of images of this size.
        WeightsError: If the file cannot be read.
    """
    digest = sha256(path)
    saved = _loaded(path, digest)
    copies: dict[int, keras.Layer] = {}

    def copied(operation: keras.Operation) -> keras.Operation:
        """One copy of a layer, however often the graph uses it."""
        if not isinstance(operation, keras.Layer):
            return type(operation).from_config(operation.get_config())
        if id(operation) not in copies:
            copies[id(operation)] = _copy(operation)
        return copies[id(operation)]

    try:
        output: keras.KerasTensor = run_through(saved, inputs, copied)
        for layer in (one for one in saved.layers if id(one) in copies):
            copies[id(layer)].set_weights(layer.get_weights())
    except ValueError as error:
        height, width = saved.inputs[0].shape[1:3]
        raise InputError(
            f"{path} was saved for images of {height} x {width} pixels and cannot be built for "
            f"{inputs.shape[1]} x {inputs.shape[2]}: {' '.join(str(error).split())[:300]} Set "
            "image_size to what it was saved for."
        ) from error
    finalise(copies.values())
    mark_source(copies.values(), digest)
    return output


def _copy(layer: keras.Layer) -> keras.Layer:
    config = layer.get_config() | {"dtype": precision_now()}
    if config["name"].startswith(_TAKEN):
        config["name"] = f"own_{config['name']}"
    return type(layer).from_config(config)


@lru_cache(maxsize=2)
def _loaded(path: str, _digest: str) -> keras.Model:
    """The model of a file, checked; read once a process as long as it does not change."""
    problem = next(_problems_of_config(path), None)
    if problem is None:
        try:
            model = keras.models.load_model(path, compile=False, safe_mode=True)
        except Exception as error:  # Keras's readers promise no type
            raise WeightsError(
                f"{path} cannot be loaded as a backbone: {' '.join(str(error).split())[:300]} "
                f"{_MEND}."
            ) from error
        problem = next(_problems_of_model(model), None)
    if problem is not None:
        raise InputError(f"{path} cannot be a backbone: {problem}. {_MEND}.")
    return model


def _problems_of_config(path: str) -> Iterator[str]:
    """What is wrong with a file, as far as that shows without running any of its code."""
    try:
        with zipfile.ZipFile(path) as archive:
            config = json.loads(archive.read("config.json"))
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path} is not a file that Keras saved as .keras ({error}). {_MEND}."
        ) from error
    if config.get("class_name") not in ("Functional", "Sequential"):
        yield f"it is a {config.get('class_name')}, a subclassed model, whose graph is code"
    for layer in config.get("config", {}).get("layers", ()):
        name = layer.get("config", {}).get("name")
        kind, module = layer.get("class_name"), str(layer.get("module"))
        if kind == "Lambda":
            yield f"its layer {name} is a Lambda, which is code in a file"
        if kind in ("Functional", "Sequential", "Model"):
            yield f"its layer {name} is a whole model inside it, which cannot be cut"
        if module != "builtins" and module.split(".")[0] != "keras":
            yield f"its layer {name} is a {kind} of {module or 'your own'}, not of Keras"


def _problems_of_model(model: keras.Model) -> Iterator[str]:
    """What is wrong with a graph."""
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        yield f"it has {len(model.inputs)} inputs and {len(model.outputs)} outputs, not one of each"
    elif len(model.inputs[0].shape) != 4 or model.inputs[0].shape[-1] != 3:
        yield f"it takes {model.inputs[0].shape}, not RGB images (batch, height, width, 3)"
    elif len(model.outputs[0].shape) not in (2, 3, 4):
        yield f"it gives {model.outputs[0].shape}, not maps, tokens or vectors"
    for layer in model.layers:
        draws = any(is_generator(variable) for variable in layer.variables)
        if draws and not isinstance(layer, keras.layers.Dropout):
            yield f"its layer {layer.name} ({type(layer).__name__}) draws random numbers"
