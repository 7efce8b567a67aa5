"""Vision Transformers compute what timm, DINOv2 and torchvision compute with the same weights.

The golden outputs come from tests/golden/make_golden.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from safetensors.numpy import save_file

from spaces.backbones import BACKBONES
from spaces.errors import InputError, WeightsError
from spaces.hyperparameters import Hyperparameters
from tests.golden import seeded_states
from trainables.networks.backbones.backbone import own_backbone
from trainables.networks.backbones.vision_transformer import VARIANTS
from trainables.networks.cut import cuts
from trainables.networks.head import head
from trainables.networks.network import Network, build_network
from trainables.networks.preprocessing import own_preprocessing
from trainables.weights import packaged
from trainables.weights.vit_layouts import canonical

GOLDEN = Path(__file__).parents[3] / "golden"

LAYOUTS = {
    "timm": lambda state: state,
    "dinov2": seeded_states.as_dinov2,
    "torchvision": seeded_states.as_torchvision,
}
SLOW = pytest.mark.backbones
CASES = [
    ("ViTS16", "timm", 224),
    ("ViTS16", "timm", 80),
    pytest.param("ViTS16", "timm", 256, marks=SLOW),
    ("ViTB16", "torchvision", 64),
    pytest.param("ViTB16", "torchvision", 224, marks=SLOW),
    pytest.param("ViTB16", "timm", 64, marks=SLOW),
    ("DINOv2S14", "dinov2", 84),
    ("DINOv2S14", "timm", 84),
    pytest.param("DINOv2S14", "dinov2", 518, marks=SLOW),
    pytest.param("DINOv2S14", "timm", 518, marks=SLOW),
    pytest.param("DINOv2B14", "dinov2", 56, marks=SLOW),
    pytest.param("DINOv2B14", "timm", 56, marks=SLOW),
]


@pytest.fixture(scope="module")
def states():
    """State dicts by name, each drawn once."""
    drawn: dict[str, dict[str, np.ndarray]] = {}

    def state(name):
        if name not in drawn:
            drawn.clear()
            drawn[name] = seeded_states.vit_state(name)
        return drawn[name]

    return state


def built(name, size, state=None):
    own = own_backbone(name, size)
    inputs = keras.Input((size, size, 3))
    model = keras.Model(inputs, own.graph(inputs))
    if state is not None:
        packaged.apply(model, own.convert(state))
    return own, model


@pytest.mark.parametrize(("name", "layout", "size"), CASES)
def test_outputs_are_the_references(name, layout, size, states):
    state = LAYOUTS[layout](states(name))
    own, model = built(name, size, state)
    outputs = np.asarray(model(seeded_states.images(size, size), training=False))
    if "ViT" in name:
        kernel, bias = own.classifier(state)
        outputs = outputs @ kernel + bias
    with np.load(GOLDEN / f"{name.lower()}.npz") as golden:
        drawn = seeded_states.fingerprint(*list(states(name).values())[-4:])
        assert drawn == golden["fingerprint"], "NumPy draws other numbers: make the files anew"
        expected = golden[f"{layout}_{size}"]
    np.testing.assert_allclose(outputs, expected, rtol=0, atol=1e-4)
    assert np.abs(expected[0] - expected[1]).max() > 0.1


def test_each_reference_fits_the_positions_in_its_own_way(states):
    state = states("ViTS16")
    tables = [
        canonical(LAYOUTS[layout](state), "ViTS16", 5)["embedding.bias"] for layout in LAYOUTS
    ]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert np.abs(tables[one] - tables[other]).max() > 0.01
        np.testing.assert_array_equal(tables[one][0], tables[other][0])


# Graphs


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=SLOW) if "B1" in n else n for n in VARIANTS]
)
def test_graph(name):
    _, model = built(name, 2 * VARIANTS[name].patch)
    kernels = [x for x in model.layers if any(w.path.endswith("kernel") for w in x.weights)]
    assert len(kernels) == BACKBONES[name] == 1 + 12 * 4
    state = seeded_states.vit_state(name)
    theirs = sum(array.size for key, array in state.items() if not key.startswith("head."))
    # The class token and the convolution's bias are in the table, of which five rows are left.
    width, rows = VARIANTS[name].width, state["pos_embed"].shape[1]
    assert model.count_params() == theirs - (2 + rows - 5) * width
    assert model.output_shape == (None, width)
    again = built(name, 2 * VARIANTS[name].patch)[1]
    assert [x.name for x in model.layers[1:]] == [x.name for x in again.layers[1:]]


@pytest.mark.parametrize(("size", "near"), [(30, 16), (8, 16), (33, 32)])
def test_images_of_half_patches_are_refused(size, near):
    with pytest.raises(InputError, match=f"multiple of 16, such as {near}"):
        built("ViTS16", size)


# Weights


def test_weights_by_path_and_what_they_expect_of_pixels(tmp_path, states):
    state = states("ViTS16")
    paths = {}
    for layout in ("timm", "torchvision"):
        paths[layout] = str(tmp_path / f"{layout}.safetensors")
        save_file({k: v.copy() for k, v in LAYOUTS[layout](state).items()}, paths[layout])
    assert own_preprocessing("ViTS16", paths["timm"]) == "signed"
    assert own_preprocessing("ViTS16", paths["torchvision"]) == "torch"
    assert own_preprocessing("ViTB16", "imagenet") == "torch"
    assert own_preprocessing("DINOv2S14", paths["timm"]) == "torch"
    point = Hyperparameters(backbone="ViTS16", weights=paths["timm"], image_size=32)
    ours = build_network(point, 3).model
    _, theirs = built("ViTS16", 32, state)
    layer = ours.get_layer("class_token_features")
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(
        np.asarray(keras.Model(ours.input, layer.output)(pixels)),
        np.asarray(theirs(pixels / 127.5 - 1)),
        atol=1e-5,
    )


def test_what_is_missing_or_of_another_network_is_named(states):
    own = own_backbone("ViTS16", 32)
    state = dict(states("ViTS16"))
    with pytest.raises(WeightsError, match=r"reg_token is not of this network"):
        own.convert(state | {"reg_token": np.zeros((1, 4, 384), np.float32)})
    with pytest.raises(WeightsError, match=r"pos_embed .* missing"):
        own.convert({k: v for k, v in state.items() if k != "pos_embed"})
    with pytest.raises(WeightsError, match=r"shape \(1, 196, 384\)"):
        own.convert(state | {"pos_embed": state["pos_embed"][:, 1:]})
    with pytest.raises(WeightsError, match=r"has shape"):
        replace(VARIANTS["ViTB16"], image_size=32).convert(state)


def test_weights_that_cannot_be_downloaded_say_where_they_are():
    point = Hyperparameters(backbone="DINOv2S14", image_size=28)
    with pytest.raises(WeightsError, match=r"dinov2_vits14_pretrain\.pth and give the path"):
        build_network(point, 2)


def test_each_block_has_its_boundaries():
    point = Hyperparameters(backbone="ViTS16", weights="none", image_size=32, unfrozen_depth=4)
    network = build_network(point, 2)
    names = [operation.name for operation in cuts(network.model)]
    assert [f"block{n}_add2" in names for n in range(12)] == 11 * [True] + [False]
    for blocks in (1, 2, 12):
        thawed = Network(replace(point, unfrozen_depth=4 * blocks), network.model)
        thawed.thaw()
        assert thawed.boundary == f"block{12 - blocks}_qkv"


@pytest.mark.parametrize("pooling", ["average", "max", "flatten"])
def test_tokens_are_pooled_where_it_is_cut_off(pooling):
    point = Hyperparameters(
        backbone="ViTS16", weights="none", image_size=32, truncation_layer="norm", pooling=pooling
    )
    given = keras.Input((5, 8))
    model = keras.Model(given, head(given, point, 3))
    tokens = np.random.default_rng(0).normal(size=(2, 5, 8)).astype(np.float32)
    pooled = np.asarray(keras.Model(given, model.layers[-2].output)(tokens))
    expected = {
        "average": lambda: tokens.mean(axis=1),
        "max": lambda: tokens.max(axis=1),
        "flatten": lambda: tokens.reshape(2, -1),
    }[pooling]()
    np.testing.assert_allclose(pooled, expected, atol=1e-6)
