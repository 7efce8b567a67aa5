"""State dicts of Vision Transformers: the layouts of timm, DINOv2 and torchvision as one.

The three name their arrays differently, and fit the position embedding to another size of images
each in its own way:

- timm: `resample_abs_pos_embed` of timm/layers/pos_embed.py, bicubic with antialiasing;
- DINOv2: `interpolate_pos_encoding` of dinov2/models/vision_transformer.py, bicubic, the scale that
  of a grid larger by 0.1;
- torchvision: `interpolate_embeddings` of torchvision/models/vision_transformer.py, bicubic with
  aligned corners.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Literal

import numpy as np

from spaces.errors import WeightsError

Layout = Literal["timm", "dinov2", "torchvision"]

_TORCHVISION = (
    (r"encoder\.layers\.encoder_layer_(\d+)\.", r"blocks.\1."),
    (r"^(blocks\.\d+)\.ln_(\d)\.", r"\1.norm\2."),
    (r"\.self_attention\.in_proj_(weight|bias)$", r".attn.qkv.\1"),
    (r"\.self_attention\.out_proj\.", ".attn.proj."),
    (r"\.mlp\.(?:0|linear_1)\.", ".mlp.fc1."),
    (r"\.mlp\.(?:3|linear_2)\.", ".mlp.fc2."),
    (r"^encoder\.ln\.", "norm."),
    (r"^heads\.head\.", "head."),
    (r"^conv_proj\.", "patch_embed.proj."),
    (r"^class_token$", "cls_token"),
    (r"^encoder\.pos_embedding$", "pos_embed"),
)
"""Torchvision's names as timm's; those of the MLPs have two forms."""

_EMBEDDING = ("cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias")
_DINOV2_OFFSET = 0.1


def layout_of(state: Mapping[str, np.ndarray]) -> Layout:
    """Whose layout a state dict has; what is in none of the three counts as timm's."""
    if "conv_proj.weight" in state:
        return "torchvision"
    return "dinov2" if "mask_token" in state else "timm"


def canonical(
    state: Mapping[str, np.ndarray], network: str, grid: int | None
) -> dict[str, np.ndarray]:
    """A state dict with timm's names, and with all that is added to the patches in one table.

    Args:
        state: In any of the three layouts.
        network: Its name, for messages.
        grid: Patches along a side of the image, for the table; None leaves it out.

    Returns:
        "embedding.weight" (width, 3, p, p), "embedding.bias" (1 + grid², width), and the arrays of
        all other layers as they are.

    Raises:
        WeightsError: An array of the embedding is missing, or has no possible shape.
    """
    layout = layout_of(state)
    found = {_timms_name(name): array for name, array in state.items()}
    found.pop("mask_token", None)
    missing = [name for name in _EMBEDDING if name not in found]
    if grid is None:
        return found
    if missing:
        raise WeightsError(
            f"the weights are not those of {network}: {' and '.join(missing)} (in timm's names) "
            f"are missing; give a state dict of {network} by timm, DINOv2 or torchvision"
        )
    token, positions, weight, bias = (
        np.asarray(found.pop(name), np.float32) for name in _EMBEDDING
    )
    patches = _fitted(_squared(positions, network), grid, layout)
    table = np.concatenate([token[0] + positions[0, :1], patches + bias])
    return found | {"embedding.weight": weight, "embedding.bias": table.astype(np.float32)}


def _timms_name(name: str) -> str:
    for pattern, replacement in _TORCHVISION:
        name = re.sub(pattern, replacement, name)
    return name


def _squared(positions: np.ndarray, network: str) -> np.ndarray:
    """Positions of the patches, (side, side, width)."""
    side = math.isqrt(max(0, positions.shape[1] - 1)) if positions.ndim == 3 else 0
    if not side or positions.shape[:2] != (1, side**2 + 1):
        raise WeightsError(
            f"the weights are not those of {network}: the position embedding has shape "
            f"{positions.shape}, expected (1, 1 + the square of a number, width)"
        )
    return positions[0, 1:].reshape(side, side, -1)


def _fitted(positions: np.ndarray, grid: int, layout: Layout) -> np.ndarray:
    """Positions for another grid, (grid², width)."""
    side, _, width = positions.shape
    if side != grid:
        taps = _taps(side, grid, layout)
        positions = np.einsum("ai,bj,ijw->abw", taps, taps, positions, optimize=True)
    return positions.reshape(-1, width)


def _taps(side: int, grid: int, layout: Layout) -> np.ndarray:
    """What each old place along an axis counts for each new one, (grid, side); as PyTorch has it.

    Args:
        side: Old places.
        grid: New places.
        layout: Says how they lie, and which cubic kernel it is: with antialiasing that of Pillow,
            wider the more places are left out.
    """
    places = np.arange(grid, dtype=np.float64)
    if layout == "torchvision":
        step = (side - 1) / (grid - 1) if grid > 1 else 0.0
        centres = places * step
    else:
        offset = _DINOV2_OFFSET if layout == "dinov2" else 0.0
        centres = (places + 0.5) * side / (grid + offset) - 0.5
    if layout == "timm":
        width = max(1.0, side / grid)
        taps = _cubic((np.arange(side) - centres[:, None]) / width, -0.5)
        return taps / taps.sum(axis=1, keepdims=True)
    taps = np.zeros((grid, side))
    first = np.floor(centres).astype(int)
    for neighbour in range(-1, 3):
        place = first + neighbour
        counts = _cubic(place - centres, -0.75)
        np.add.at(taps, (np.arange(grid), place.clip(0, side - 1)), counts)
    return taps


def _cubic(distance: np.ndarray, a: float) -> np.ndarray:
    """The cubic convolution kernel of Keys 1981, 0 beyond a distance of 2."""
    x = np.abs(distance)
    near = ((a + 2) * x - (a + 3)) * x**2 + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
