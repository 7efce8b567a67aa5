"""Pretrained weights reach the layers that they belong to, whatever network they are of."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spaces.errors import InputError, WeightsError
from spaces.hyperparameters import Hyperparameters
from tests.trainables.export.parity import make_up
from trainables.networks.backbones.backbone import own_backbone
from trainables.networks.forward import forward
from trainables.networks.network import build_inputs
from trainables.training.network_pool import build_pretrained

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saves through what NumPy 2.4 deprecates."""

KERAS = {"EfficientNetB0": 32, "Xception": 71}
"""Keras's applications with the smallest image of each. Some of their layers have no name of their
own, so that Keras counts them."""


def features(network):
    """Pixels to the backbone's features."""
    return keras.Model(network.model.input, network.backbone_layers[-1].output)


def saved(model, folder, suffix=".weights.h5"):
    path = folder / f"saved{suffix}"
    model.save(path) if suffix == ".keras" else model.save_weights(path)
    return str(path)


def preprocessed(backbone, pixels):
    module = {"EfficientNetB0": "efficientnet", "Xception": "xception"}
    of_keras = getattr(keras.applications, module[backbone]).preprocess_input
    return of_keras(pixels.astype(np.float32))


@pytest.mark.parametrize("backbone", KERAS)
def test_a_network_of_keras_gives_the_features_of_the_model_that_was_saved(
    backbone, tmp_path, make_images
):
    size = KERAS[backbone]
    theirs = getattr(keras.applications, backbone)(
        include_top=False, weights=None, input_shape=(size, size, 3)
    )
    pixels = make_images(2, size=size).pixels
    expected = theirs(preprocessed(backbone, pixels), training=False).numpy()
    values = {"backbone": backbone, "weights": saved(theirs, tmp_path), "image_size": size}
    ours = build_pretrained(Hyperparameters(**values), 3)
    found = features(ours)(pixels.astype(np.float32), training=False).numpy()
    scale = np.abs(expected).max()
    assert scale > 0
    np.testing.assert_allclose(found / scale, expected / scale, atol=1e-4)


def downloads(monkeypatch, path):
    """Let Keras find this file in the place of what it would download."""
    monkeypatch.setattr("keras.src.utils.file_utils.get_file", lambda *asked, **more: str(path))


def test_a_saved_model_serves_images_of_another_size(tmp_path, monkeypatch, make_images):
    """Its ImageNet graph scales pixels once more than the graph of the same file of weights."""
    path = tmp_path / "made_up.weights.h5"
    downloads(monkeypatch, path)
    build = keras.applications.EfficientNetB0
    build(include_top=False, weights=None).save_weights(path)
    theirs = build(include_top=False, weights="imagenet", input_shape=(64, 64, 3))
    make_up(theirs, make_images(8, size=64).pixels.astype(np.float32))
    theirs.save_weights(path)
    pixels = make_images(3, size=33).pixels.astype(np.float32)
    expected = build(include_top=False, weights="imagenet", input_shape=(33, 33, 3))(pixels)
    values = {"weights": saved(theirs, tmp_path, ".keras"), "image_size": 33}
    ours = build_pretrained(Hyperparameters(backbone="EfficientNetB0", **values), 3)
    found = features(ours)(pixels, training=False).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4 * np.abs(expected).max())
    assert np.ptp(found, axis=0).max() > 0.1 * np.abs(expected).max()


def test_weights_of_the_mobilenets_serve_images_of_any_size(tmp_path, monkeypatch):
    """Keras warns of it, as a warning that is an error here."""
    path = tmp_path / "made_up.weights.h5"
    keras.applications.MobileNetV2(include_top=False, weights=None).save_weights(path)
    downloads(monkeypatch, path)
    build_inputs(Hyperparameters(backbone="MobileNetV2", image_size=40))


def test_a_download_that_fails_says_what_can_be_done(monkeypatch):
    def fail(*asked, **more):
        raise RuntimeError("URL fetch failure on https://example.org")

    monkeypatch.setattr("keras.src.utils.file_utils.get_file", fail)
    with pytest.raises(WeightsError, match=r"could not be downloaded \(URL fetch.*~/.keras/models"):
        build_inputs(Hyperparameters(backbone="MobileNetV2", image_size=96))


def test_a_size_that_a_backbone_does_not_take_is_no_fault_of_its_weights(monkeypatch):
    with pytest.raises(InputError, match="InceptionV3 cannot be built for images of 32 x 32"):
        build_inputs(Hyperparameters(backbone="InceptionV3", image_size=32))


def test_our_own_network_reads_what_keras_saved_of_it(tmp_path):
    pixels = keras.Input((32, 32, 3))
    model = keras.Model(pixels, own_backbone("ResNet18").graph(pixels))
    values = {"backbone": "ResNet18", "image_size": 32, "weights": saved(model, tmp_path)}
    network = build_pretrained(Hyperparameters(**values), 3)
    for layer in (layer for layer in model.layers if layer.weights):
        loaded = network.model.get_layer(layer.name).get_weights()
        for one, other in zip(layer.get_weights(), loaded, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.fixture(scope="module")
def whole():
    return build_pretrained(Hyperparameters(image_size=32), 3)


def test_the_installed_weights_are_the_default(whole):
    again = build_pretrained(Hyperparameters(image_size=32), 3)
    for one, other in zip(whole.backbone_layers, again.backbone_layers, strict=True):
        for mine, theirs in zip(one.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(mine, theirs)
    norms = [x for x in whole.backbone_layers if isinstance(x, keras.layers.BatchNormalization)]
    assert len(norms) == 49
    assert all(layer.get_weights()[2].any() for layer in norms), "statistics of real images"


def test_a_truncated_network_takes_its_part_of_them(whole, make_images):
    pixels = make_images(3).pixels
    part = build_pretrained(Hyperparameters(image_size=32, truncation_layer="block4_add"), 3)
    upto = keras.Model(whole.model.input, whole.model.get_layer("block4_add").output)
    np.testing.assert_allclose(
        forward(features(part), pixels), forward(upto, pixels), rtol=1e-4, atol=1e-5
    )


def test_without_weights_a_network_starts_from_random_ones(whole):
    network = build_pretrained(Hyperparameters(weights="none", image_size=32), 3)
    random, trained = (n.model.get_layer("stem_conv").get_weights()[0] for n in (network, whole))
    assert random.any()
    assert not np.array_equal(random, trained)


def test_without_a_backbone_there_are_no_weights_to_load():
    values = {"backbone": "none", "weights": "imagenet", "image_size": 8}
    assert build_pretrained(Hyperparameters(**values), 3).backbone_layers == []


def load(backbone, weights):
    """Build a backbone with these weights, of the smallest images that all take."""
    size = 224 if backbone == "AlexNet" else 32
    build_inputs(Hyperparameters(backbone=backbone, weights=str(weights), image_size=size))


@pytest.mark.parametrize("name", ["missing.weights.h5", "missing.pth", "missing.safetensors"])
def test_weights_that_are_not_there_are_refused(tmp_path, name):
    with pytest.raises(WeightsError, match="There are no weights at"):
        load("EfficientNetLite0", tmp_path / name)


@pytest.mark.parametrize("suffix", [".weights.h5", ".keras", ".pth", ".safetensors"])
def test_a_file_that_holds_no_weights_is_refused(tmp_path, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"no weights at all")
    with pytest.raises(WeightsError, match="broken"):
        load("EfficientNetLite0", path)


@pytest.mark.filterwarnings("ignore:Skipping nested container:UserWarning")  # then Keras raises
@pytest.mark.parametrize("suffix", [".weights.h5", ".keras"])
def test_weights_of_another_network_are_refused(tmp_path, suffix):
    pixels = keras.Input((32, 32, 3))
    other = keras.Model(pixels, keras.layers.Conv2D(4, 3, name="stem_conv")(pixels))
    path = saved(other, tmp_path, suffix)
    with pytest.raises(WeightsError, match=r"another network|does not hold weights"):
        load("EfficientNetLite0", path)


def test_torchvision_weights_that_are_not_to_be_had_say_where_to_put_them(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    monkeypatch.setattr(
        "trainables.networks.backbones.own_weights.TORCHVISION_ADDRESS", "http://127.0.0.1:9"
    )
    with pytest.raises(WeightsError, match=r"could not be downloaded.*put the file into"):
        load("AlexNet", "imagenet")


def test_another_file_under_the_name_of_torchvisions_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights" / "resnet18-f37072fd.pth").write_bytes(b"something else")
    with pytest.raises(WeightsError, match="not that of torchvision"):
        load("ResNet18", "imagenet")
