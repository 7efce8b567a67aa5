"""Grad-CAM: the places of an image that speak for a class.

Source: Selvaraju et al. 2017, Grad-CAM: Visual Explanations from Deep Networks via
Gradient-based Localization, https://arxiv.org/abs/1610.02391.
"""

from __future__ import annotations

import math

import keras
import numpy as np
import tensorflow as tf
from PIL import Image

from trainables.networks.multiply_adds import is_an_attention

_POOLING = (
    keras.layers.AveragePooling2D,
    keras.layers.GlobalAveragePooling2D,
    keras.layers.GlobalMaxPooling2D,
    keras.layers.MaxPooling2D,
)
_CONVOLUTION = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D)


def feature_maps(model: keras.Model) -> keras.Operation | None:
    """The operation whose output Grad-CAM weighs, A in the paper; None if there are no maps.

    The last one that still has places: (batch, height, width, channels), with more than one place.
    Poolings do not count, since what goes into them is the same at a finer grain. In a Vision
    Transformer it is the layer norm before the last attention, (batch, tokens, channels): behind
    that one, only the class token counts.

    Args:
        model: One flat graph.
    """
    operations = model.operations
    attentions = [i for i, o in enumerate(operations) if is_an_attention(o)]
    if attentions:
        norms = [o for o in operations[: attentions[-1]] if _is_norm_of_tokens(o)]
        return norms[-1] if norms else None
    convolutions = [i for i, o in enumerate(operations) if isinstance(o, _CONVOLUTION)]
    first = convolutions[0] if convolutions else len(operations)
    maps = [o for o in operations[first:] if _has_places(o) and not isinstance(o, _POOLING)]
    return maps[-1] if maps else None


def _is_norm_of_tokens(operation: keras.Operation) -> bool:
    is_norm = isinstance(operation, keras.layers.LayerNormalization)
    return is_norm and len(operation.output.shape) == 3 and operation.output.shape[1] > 1


def _has_places(operation: keras.Operation) -> bool:
    shape = operation.output.shape
    return len(shape) == 4 and shape[1] * shape[2] > 1


class GradCam:
    """Heat maps of one model.

    The gradient is that of the score before softmax or sigmoid, y^c in the paper.

    Args:
        model: One flat graph, pixels (batch, size, size, 3), 0..255, to probabilities or logits.

    Raises:
        ValueError: If it has neither a convolution nor an attention.
    """

    def __init__(self, model: keras.Model) -> None:
        maps = feature_maps(model)
        if maps is None:
            raise ValueError(
                "Grad-CAM is for networks with convolutions or attention; this one has none."
            )
        last = model.layers[-1]
        scores = last.input if isinstance(last, keras.layers.Activation) else model.output
        self.layer = maps.name
        self._size = model.input_shape[1:3]
        self._model = keras.Model(model.input, [maps.output, scores])
        pixels = tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)
        self._heat = tf.function(
            self._weighted_maps, input_signature=[pixels, tf.TensorSpec((None,), tf.int32)]
        )

    def __call__(self, pixels: np.ndarray, classes: np.ndarray) -> np.ndarray:
        """Heat of each place for a class: float32 (images, size, size), 0..1.

        The hottest place of an image is 1; all are 0 where nothing speaks for the class.

        Args:
            pixels: uint8 (images, size, size, 3), RGB.
            classes: (images,), the class of each image to explain.
        """
        return self._heat(tf.constant(pixels), tf.constant(classes, tf.int32)).numpy()

    def _weighted_maps(self, pixels: tf.Tensor, classes: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            maps, scores = self._model(tf.cast(pixels, tf.float32), training=False)
            chosen = tf.gather(scores, classes, batch_dims=1)
        gradients = tape.gradient(chosen, maps)
        if len(maps.shape) == 3:
            maps, gradients = _on_a_grid(maps), _on_a_grid(gradients)
        weights = tf.reduce_mean(gradients, axis=(1, 2), keepdims=True)
        heat = tf.nn.relu(tf.reduce_sum(weights * maps, axis=-1, keepdims=True))
        # Laid on the image like tiles: the centres of receptive fields lie elsewhere where padding
        # is uneven, but trained on it, EfficientNet-Lite0's heat meets objects better this way.
        large = tf.image.resize(heat, self._size, "bilinear")[..., 0]
        return tf.math.divide_no_nan(large, tf.reduce_max(large, axis=(1, 2), keepdims=True))


def _on_a_grid(tokens: tf.Tensor) -> tf.Tensor:
    """Tokens of patches as maps, (batch, side, side, channels); the first ones may be others."""
    _, count, channels = tokens.shape
    side = math.isqrt(count)
    return tf.reshape(tokens[:, count - side**2 :], (-1, side, side, channels))


def overlay(picture: np.ndarray, heat: np.ndarray, alpha: float = 0.7) -> Image.Image:
    """An image with its heat on it, in Matplotlib's inferno: its lightness rises throughout.

    Where it is cold the image is as it was.

    Args:
        picture: uint8 (height, width, 3), RGB; any shape, since heat is stretched over it.
        heat: (rows, columns), 0..1.
        alpha: How much of the image the hottest place covers, 0..1.
    """
    import matplotlib

    height, width, _ = picture.shape
    stretched = Image.fromarray(heat.astype(np.float32)).resize(
        (width, height), Image.Resampling.BILINEAR
    )
    values = np.asarray(stretched).clip(0, 1)
    colours = 255 * matplotlib.colormaps["inferno"](values)[..., :3]
    cover = alpha * values[..., np.newaxis]
    mixed = (1 - cover) * picture + cover * colours
    return Image.fromarray(mixed.round().astype(np.uint8))
