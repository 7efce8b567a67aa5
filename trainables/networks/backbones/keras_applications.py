"""Keras's applications as part of a flat graph, with weights that Keras itself loads into them.

Keras's graphs depend on what weights they are to have: EfficientNetB0 to B7 scale their pixels once
more for ImageNet's. So each is built for its weights, and gives what `keras.applications` gives.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import keras
import numpy as np

from spaces.errors import InputError, WeightsError
from trainables.networks.weights import copy_weights


def features_of(inputs: keras.KerasTensor, backbone: str, weights: str) -> keras.KerasTensor:
    """Append one of Keras's applications, without its classifier, to a graph.

    Args:
        inputs: (batch, height, width, 3), preprocessed.
        backbone: Its name in `keras.applications`.
        weights: "imagenet", "none" (random), or the path of a .weights.h5, .h5 or .keras file. A
            file of weights alone is loaded as the application's own argument `weights` loads it.

    Raises:
        InputError: If it does not take images of this size.
        WeightsError: If the weights cannot be had, or are another network's.
    """
    if weights == "none":
        return _random(inputs, backbone).output
    try:
        if Path(weights).suffix == ".keras":
            return _with_weights_of_model(inputs, backbone, weights)
        return _application(inputs, backbone, weights).output
    except Exception as error:  # Keras raises what its download or its reader meets, of any type
        _random(inputs, backbone)  # if the size is wrong, then that is what to say
        raise _weights_error(backbone, weights, error) from error


def _application(inputs: keras.KerasTensor, backbone: str, weights: str | None) -> keras.Model:
    build = getattr(keras.applications, backbone)
    with warnings.catch_warnings():
        # The MobileNets have weights for some sizes; for all others they take those of 224 pixels.
        warnings.filterwarnings("ignore", "`input_shape` is undefined or non-square")
        shape = tuple(inputs.shape[1:])
        return build(include_top=False, input_tensor=inputs, input_shape=shape, weights=weights)


def _random(inputs: keras.KerasTensor, backbone: str) -> keras.Model:
    try:
        return _application(inputs, backbone, None)
    except ValueError as error:
        height, width = inputs.shape[1:3]
        raise InputError(
            f"{backbone} cannot be built for images of {height} x {width} pixels: {error}"
        ) from error


def _with_weights_of_model(
    inputs: keras.KerasTensor, backbone: str, path: str
) -> keras.KerasTensor:
    """The features with a saved model's weights, whatever size of images that was built for."""
    model = _application(inputs, backbone, None)
    saved = keras.models.load_model(path, compile=False, safe_mode=True)
    copy_weights(saved, model)
    _fold_rescaling(saved, model)
    return model.output


def _fold_rescaling(saved: keras.Model, model: keras.Model) -> None:
    """Let a normalisation do what a Rescaling behind it does in the saved model.

    EfficientNetB0 to B7 have one if they were built with ImageNet's weights. (x - mean) / sqrt(v),
    times s, is (x - mean) / sqrt(v / s²).
    """
    for layer, following in zip(saved.layers, saved.layers[1:], strict=False):
        if isinstance(layer, keras.layers.Normalization) and isinstance(
            following, keras.layers.Rescaling
        ):
            [ours] = [x for x in model.layers if isinstance(x, keras.layers.Normalization)]
            mean, variance, *count = layer.get_weights()
            ours.set_weights([mean, variance / np.square(following.scale), *count])
            ours.finalize_state()


def _weights_error(backbone: str, weights: str, error: Exception) -> WeightsError:
    reason = " ".join(str(error).split())
    if weights == "imagenet":
        return WeightsError(
            f"The ImageNet weights of {backbone} could not be downloaded ({reason}). Without a "
            "network, copy the file that Keras downloads into ~/.keras/models, or give the path of "
            "a model that Keras saved as .keras, or take EfficientNetLite0, whose weights are "
            "installed."
        )
    return WeightsError(
        f"{weights} does not hold weights of {backbone}: {reason} Give a file that Keras saved "
        f"from keras.applications.{backbone}(include_top=False)."
    )
