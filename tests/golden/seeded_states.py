"""What the golden script and the tests both make: seeded networks, images, tensors for files.

Only uniform draws are used, which NumPy has the least reason ever to change; `fingerprint` tells
whether it did.
"""

from __future__ import annotations

import zlib

import numpy as np

ALEXNET_CLASSES = 101
RESNET18_CLASSES = 10

_ALEXNET = {
    "features.0": (64, 3, 11, 11),
    "features.3": (192, 64, 5, 5),
    "features.6": (384, 192, 3, 3),
    "features.8": (256, 384, 3, 3),
    "features.10": (256, 256, 3, 3),
    "classifier.1": (4096, 256 * 6 * 6),
    "classifier.4": (4096, 4096),
    "classifier.6": (ALEXNET_CLASSES, 4096),
}


def alexnet_state() -> dict[str, np.ndarray]:
    """A state dict with torchvision's names and the scale of He's initial values."""
    rng = np.random.default_rng(18)
    state = {}
    for key, shape in _ALEXNET.items():
        state[f"{key}.weight"] = _kernel(rng, shape)
        state[f"{key}.bias"] = _between(rng, -0.1, 0.1, shape[:1])
    state["classifier.6.weight"] /= 4  # for logits of the order of one
    return state


def resnet18_state() -> dict[str, np.ndarray]:
    """A state dict with torchvision's names; no batch norm is the identity."""
    rng = np.random.default_rng(19)
    state: dict[str, np.ndarray] = {"conv1.weight": _kernel(rng, (64, 3, 7, 7))}
    _batch_norm(rng, state, "bn1", 64)
    channels = 64
    for stage, filters in enumerate((64, 128, 256, 512), start=1):
        for block in range(2):
            key = f"layer{stage}.{block}"
            for number, width in ((1, channels), (2, filters)):
                state[f"{key}.conv{number}.weight"] = _kernel(rng, (filters, width, 3, 3))
                _batch_norm(rng, state, f"{key}.bn{number}", filters)
            if channels != filters:
                state[f"{key}.downsample.0.weight"] = _kernel(rng, (filters, channels, 1, 1))
                _batch_norm(rng, state, f"{key}.downsample.1", filters)
            channels = filters
    state["fc.weight"] = _kernel(rng, (RESNET18_CLASSES, 512)) / 8  # likewise
    state["fc.bias"] = _between(rng, -0.2, 0.2, (RESNET18_CLASSES,))
    return state


VIT_CLASSES = 10
_VIT = {
    # width, side of a patch, grid of the position embedding, whether there are LayerScales
    "ViTS16": (384, 16, 14, False),
    "ViTB16": (768, 16, 14, False),
    "DINOv2S14": (384, 14, 37, True),
    "DINOv2B14": (768, 14, 37, True),
}


def vit_state(name: str) -> dict[str, np.ndarray]:
    """A state dict with timm's names; DINOv2's are the same, and have a mask token."""
    rng = np.random.default_rng(21)
    width, patch, grid, has_scales = _VIT[name]
    state = {
        "cls_token": _between(rng, -0.5, 0.5, (1, 1, width)),
        "pos_embed": _between(rng, -0.5, 0.5, (1, grid**2 + 1, width)),
    }
    _dense(rng, state, "patch_embed.proj", (width, 3, patch, patch))
    for block in range(12):
        key = f"blocks.{block}"
        _layer_norm(rng, state, f"{key}.norm1", width)
        _dense(rng, state, f"{key}.attn.qkv", (3 * width, width))
        _dense(rng, state, f"{key}.attn.proj", (width, width))
        _layer_norm(rng, state, f"{key}.norm2", width)
        _dense(rng, state, f"{key}.mlp.fc1", (4 * width, width))
        _dense(rng, state, f"{key}.mlp.fc2", (width, 4 * width))
        if has_scales:
            for scale in ("ls1", "ls2"):
                state[f"{key}.{scale}.gamma"] = _between(rng, 0.1, 1.0, (width,))
    _layer_norm(rng, state, "norm", width)
    if not has_scales:
        _dense(rng, state, "head", (VIT_CLASSES, width))
    return state


def vits16_state() -> dict[str, np.ndarray]:
    """As timm saves a ViT-S/16."""
    return vit_state("ViTS16")


def vitb16_state() -> dict[str, np.ndarray]:
    """As timm saves a ViT-B/16."""
    return vit_state("ViTB16")


def dinov2s14_state() -> dict[str, np.ndarray]:
    """As timm saves DINOv2's ViT-S/14."""
    return vit_state("DINOv2S14")


def dinov2b14_state() -> dict[str, np.ndarray]:
    """As timm saves DINOv2's ViT-B/14."""
    return vit_state("DINOv2B14")


_TORCHVISIONS_NAMES = {
    "cls_token": "class_token",
    "pos_embed": "encoder.pos_embedding",
    "patch_embed.proj": "conv_proj",
    "norm": "encoder.ln",
    "head": "heads.head",
}
_OF_A_BLOCK = {
    "norm1": "ln_1",
    "attn.qkv": "self_attention.in_proj",
    "attn.proj": "self_attention.out_proj",
    "norm2": "ln_2",
    "mlp.fc1": "mlp.0",
    "mlp.fc2": "mlp.3",
}


def as_torchvision(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """timm's state dict with torchvision's names."""
    found = {}
    for name, array in state.items():
        layer, _, kind = name.rpartition(".")
        if not layer:
            found[_TORCHVISIONS_NAMES[name]] = array
        elif name.startswith("blocks."):
            _, block, part = layer.split(".", 2)
            new = f"encoder.layers.encoder_layer_{block}.{_OF_A_BLOCK[part]}"
            found[f"{new}{'_' if part == 'attn.qkv' else '.'}{kind}"] = array
        else:
            found[f"{_TORCHVISIONS_NAMES[layer]}.{kind}"] = array
    return found


def as_dinov2(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """timm's state dict with what DINOv2's has besides."""
    return state | {"mask_token": np.zeros((1, state["norm.bias"].size), np.float32)}


def images(height: int, width: int) -> np.ndarray:
    """Two float32 images (2, height, width, 3) from -2 to 2: noise, and a gradient downwards."""
    drawn = _between(np.random.default_rng(20), -2.0, 2.0, (2, height, width, 3))
    drawn[1].sort(axis=0)
    return drawn


def fingerprint(*arrays: np.ndarray) -> int:
    """A checksum of the arrays' bytes."""
    return zlib.crc32(b"".join(np.ascontiguousarray(array).tobytes() for array in arrays))


def dtype_tensors() -> dict[str, np.ndarray]:
    """One array for each dtype that a state dict may have."""
    steps = np.arange(-3, 4)
    return {
        "float64": steps / 7,
        "float32": (steps / 7).astype(np.float32).reshape(7, 1),
        "float16": (steps / 7).astype(np.float16),
        "bfloat16": np.array([1.0, -2.5, 0.15625, 3.0e38, 1.0e-30, 0.0], np.float32),
        "int64": steps * 2**40,
        "int32": (steps * 2**20).astype(np.int32),
        "int16": (steps * 2**10).astype(np.int16),
        "int8": (steps * 40).astype(np.int8),
        "uint8": np.arange(250, 256, dtype=np.uint8),
        "bool": steps > 0,
        "scalar": np.array(7, np.int64),
        "empty": np.zeros((0, 3), np.float32),
    }


def viewed_tensors() -> dict[str, np.ndarray]:
    """Views of one array of 24 numbers, as the golden script takes them of one storage."""
    base = np.arange(24, dtype=np.float32)
    return {
        "whole": base,
        "transposed": base.reshape(4, 6).T,
        "rows": base.reshape(4, 6)[1:3],
        "steps": base.reshape(4, 6)[::2, 1::2],
        "permuted": base.reshape(2, 3, 4).transpose(2, 0, 1),
        "expanded": np.broadcast_to(base[5], (3, 2)),
    }


def module_tensors() -> dict[str, np.ndarray]:
    """The state dict of a convolution and a batch norm, in PyTorch's order."""
    return {
        "0.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2) / 8,
        "0.bias": np.array([0.5, -0.5], np.float32),
        "1.weight": np.array([1.0, 2.0], np.float32),
        "1.bias": np.array([3.0, 4.0], np.float32),
        "1.running_mean": np.array([5.0, 6.0], np.float32),
        "1.running_var": np.array([7.0, 8.0], np.float32),
        "1.num_batches_tracked": np.array(9, np.int64),
    }


def _between(
    rng: np.random.Generator, low: float, high: float, shape: tuple[int, ...]
) -> np.ndarray:
    return rng.random(shape, np.float32) * np.float32(high - low) + np.float32(low)


def _kernel(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    bound = float(np.sqrt(6 / np.prod(shape[1:])))
    return _between(rng, -bound, bound, shape)


def _batch_norm(
    rng: np.random.Generator, state: dict[str, np.ndarray], key: str, width: int
) -> None:
    state[f"{key}.weight"] = _between(rng, 0.5, 1.5, (width,))
    state[f"{key}.bias"] = _between(rng, -0.5, 0.5, (width,))
    state[f"{key}.running_mean"] = _between(rng, -0.5, 0.5, (width,))
    state[f"{key}.running_var"] = _between(rng, 0.5, 2.0, (width,))
    state[f"{key}.num_batches_tracked"] = np.array(1, np.int64)


def _dense(
    rng: np.random.Generator, state: dict[str, np.ndarray], key: str, shape: tuple[int, ...]
) -> None:
    state[f"{key}.weight"] = _kernel(rng, shape) / np.float32(np.sqrt(2))
    state[f"{key}.bias"] = _between(rng, -0.1, 0.1, shape[:1])


def _layer_norm(
    rng: np.random.Generator, state: dict[str, np.ndarray], key: str, width: int
) -> None:
    state[f"{key}.weight"] = _between(rng, 0.5, 1.5, (width,))
    state[f"{key}.bias"] = _between(rng, -0.2, 0.2, (width,))
