"""Vision Transformers as flat graphs of Keras's own layers: ViT-S/16, ViT-B/16, DINOv2 S/14, B/14.

The features are those of the class token behind the last layer norm, on which the references put
their classifiers. A block has four weight layers (queries, keys and values together; projection;
two of the MLP), and one tensor crosses the graph before and after it.

The bias of the patch embedding is a table, one row for each token: the class token and its position
in the first row, the convolution's bias and a patch's position in each other one. So the network
needs no layer that Keras lacks.

Source: Dosovitskiy et al. 2020, https://arxiv.org/abs/2010.11929; Oquab et al. 2023,
https://arxiv.org/abs/2304.07193; Touvron et al. 2021 (LayerScale), https://arxiv.org/abs/2103.17239;
timm/models/vision_transformer.py (topology, initial values).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import keras
import numpy as np

from spaces.errors import InputError
from trainables.networks.keras_private import LayerScale
from trainables.weights.torch_layout import TorchLayer, TorchNetwork
from trainables.weights.vit_layouts import canonical

_BLOCKS = 12
_HEAD_WIDTH = 64
_MLP = 4
_EPSILON = 1e-6
_SCALE = 1.0
"""Of LayerScale, before training."""


@dataclass(frozen=True)
class VisionTransformer:
    """One size of Vision Transformer.

    Attributes:
        name: Its name in `spaces.backbones.BACKBONES`.
        patch: Side of a patch, in pixels.
        width: Numbers of a token.
        has_scales: Whether each residual is scaled by its own LayerScale, as DINOv2's.
        image_size: Side of the images.
    """

    name: str
    patch: int
    width: int
    has_scales: bool
    image_size: int

    def at(self, image_size: int) -> VisionTransformer:
        """The same network for images of another size."""
        return replace(self, image_size=image_size)

    def graph(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Builds the network up to its last layer norm.

        Args:
            inputs: RGB, scaled as its weights expect, float32 (batch, s, s, 3), with s a multiple
                of the side of a patch.

        Returns:
            Features of the class token, (batch, width).

        Raises:
            InputError: If the image is not made of whole patches.
        """
        x = self._embedded(inputs)
        tokens = x.shape[1]
        for number in range(_BLOCKS):
            x = self._block(x, f"block{number}")
        x = keras.layers.LayerNormalization(epsilon=_EPSILON, name="norm")(x)
        x = keras.layers.Cropping1D((0, tokens - 1), name="class_token")(x)
        return keras.layers.Flatten(name="class_token_features")(x)

    def convert(self, state: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
        """Converts a state dict of timm, DINOv2 or torchvision; see `TorchNetwork.convert`.

        The position embedding is interpolated to `image_size` as that library does it.
        """
        grid = self.image_size // self.patch
        return self._network.convert(canonical(state, self.name, grid))

    def classifier(self, state: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """See `TorchNetwork.classifier`."""
        return self._network.classifier(canonical(state, self.name, None))

    @property
    def _network(self) -> TorchNetwork:
        return TorchNetwork(self.name, tuple(self._torch_layers()), "head", self.width)

    def _embedded(self, images: keras.KerasTensor) -> keras.KerasTensor:
        """Tokens (batch, 1 + patches, width), the class token first."""
        side, patch = images.shape[1], self.patch
        if side is None or side % patch or images.shape[2] != side:
            raise InputError(
                f"{self.name} cannot take images of {side} x {images.shape[2]} pixels: it sees "
                f"patches of {patch} pixels. Set image_size to a multiple of {patch}, such as "
                f"{max(1, (side or 0) // patch) * patch}."
            )
        grid = side // patch
        x = keras.layers.Reshape((grid, patch, grid, patch, 3), name="patches_rows")(images)
        x = keras.layers.Permute((1, 3, 2, 4, 5), name="patches_swapped")(x)
        x = keras.layers.Reshape((grid**2, patch * patch * 3), name="patches")(x)
        x = keras.layers.ZeroPadding1D((1, 0), name="patches_pad")(x)
        return keras.layers.EinsumDense(
            "btp,pd->btd",
            output_shape=(1 + grid**2, self.width),
            bias_axes="td",
            kernel_initializer="lecun_normal",
            bias_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name="patch_embedding",
        )(x)

    def _block(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        shortcut, tokens = x, x.shape[1]
        x = keras.layers.LayerNormalization(epsilon=_EPSILON, name=f"{name}_norm1")(x)
        x = _dense(x, 3 * self.width, f"{name}_qkv")
        shape = tokens, self.width // _HEAD_WIDTH, _HEAD_WIDTH
        queries, keys, values = (
            keras.layers.Reshape(shape, name=f"{name}_{part}")(one)
            for part, one in zip(
                ("queries", "keys", "values"), keras.ops.split(x, 3, axis=-1), strict=True
            )
        )
        x = keras.ops.dot_product_attention(queries, keys, values)
        x = keras.layers.Reshape((tokens, self.width), name=f"{name}_attended")(x)
        x = _dense(x, self.width, f"{name}_projection")
        x = shortcut = self._added(x, shortcut, f"{name}_add1", f"{name}_scale1")
        x = keras.layers.LayerNormalization(epsilon=_EPSILON, name=f"{name}_norm2")(x)
        x = _dense(x, _MLP * self.width, f"{name}_mlp1")
        x = keras.layers.Activation("gelu", name=f"{name}_gelu")(x)
        x = _dense(x, self.width, f"{name}_mlp2")
        return self._added(x, shortcut, f"{name}_add2", f"{name}_scale2")

    def _added(
        self, x: keras.KerasTensor, shortcut: keras.KerasTensor, name: str, scale: str
    ) -> keras.KerasTensor:
        if self.has_scales:
            x = LayerScale(_SCALE, self.width, name=scale)(x)
        return keras.layers.Add(name=name)([shortcut, x])

    def _torch_layers(self) -> Iterator[TorchLayer]:
        width, hidden = self.width, _MLP * self.width
        grid = self.image_size // self.patch
        shape: tuple[int, ...] = (width, 3, self.patch, self.patch)
        yield TorchLayer("patch_embedding", "embedding", "patches", shape, tokens=1 + grid**2)
        for number in range(_BLOCKS):
            name, key = f"block{number}", f"blocks.{number}"
            for norm in ("norm1", "norm2"):
                yield TorchLayer(f"{name}_{norm}", f"{key}.{norm}", "layer_norm", (width,))
            for layer, part, shape in (
                ("qkv", "attn.qkv", (3 * width, width)),
                ("projection", "attn.proj", (width, width)),
                ("mlp1", "mlp.fc1", (hidden, width)),
                ("mlp2", "mlp.fc2", (width, hidden)),
            ):
                yield TorchLayer(f"{name}_{layer}", f"{key}.{part}", "dense", shape, bias=True)
            for scale in ("1", "2") if self.has_scales else ():
                yield TorchLayer(f"{name}_scale{scale}", f"{key}.ls{scale}", "scale", (width,))
        yield TorchLayer("norm", "norm", "layer_norm", (width,))


def _dense(x: keras.KerasTensor, units: int, name: str) -> keras.KerasTensor:
    initializer = keras.initializers.TruncatedNormal(stddev=0.02)
    return keras.layers.Dense(units, kernel_initializer=initializer, name=name)(x)


VARIANTS = {
    variant.name: variant
    for variant in (
        VisionTransformer("ViTS16", 16, 384, has_scales=False, image_size=224),
        VisionTransformer("ViTB16", 16, 768, has_scales=False, image_size=224),
        VisionTransformer("DINOv2S14", 14, 384, has_scales=True, image_size=518),
        VisionTransformer("DINOv2B14", 14, 768, has_scales=True, image_size=518),
    )
}
"""The sizes by name, at the size of images that their weights were trained with."""
