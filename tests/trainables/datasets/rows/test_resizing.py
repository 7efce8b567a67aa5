"""Pictures become squares as Pillow makes them, and crops of training know their shapes."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

from spaces.hyperparameters import Hyperparameters
from spaces.studies.dataset import DatasetSection
from spaces.studies.study import Objective
from tests.trainables.datasets.pictures import encoded, picture, write
from trainables.datasets.formats.readers import read_index
from trainables.datasets.rows.images import load_images
from trainables.datasets.rows.loading import load_trial_data
from trainables.datasets.rows.resizing import Square, resize
from trainables.training.training import Training

SHAPES = [(90, 30), (30, 90), (61, 47), (50, 50)]


@pytest.mark.parametrize(("width", "height"), SHAPES)
class TestEach:
    def test_squash_uses_the_whole_picture(self, width, height):
        image = picture(1, width, height)
        expected = Image.fromarray(image).resize((24, 24), Image.Resampling.BICUBIC)
        np.testing.assert_array_equal(resize(image, 24), expected)

    def test_crop_is_the_square_in_the_middle(self, width, height):
        image, short = picture(1, width, height), min(width, height)
        left, top = (width - short) / 2, (height - short) / 2
        box = (left, top, left + short, top + short)
        expected = Image.fromarray(image).resize((24, 24), Image.Resampling.BICUBIC, box=box)
        np.testing.assert_array_equal(resize(image, 24, "crop"), expected)

    @pytest.mark.parametrize("how", ["crop", "pad"])
    def test_keras_places_the_picture_alike(self, how, width, height):
        """Bilinear and without a low pass, so that only the places agree, not each value."""
        image = picture(1, width, height).astype(np.float32)
        ours = resize(image.astype(np.uint8), 24, how).astype(np.float32)
        options = {f"{how}_to_aspect_ratio": True}
        theirs = np.asarray(keras.layers.Resizing(24, 24, "bicubic", **options)(image))
        assert np.abs(ours - theirs).mean() < 6
        assert ((ours == 0).all((1, 2)) == (theirs == 0).all((1, 2))).mean() > 0.9
        assert ((ours == 0).all((0, 2)) == (theirs == 0).all((0, 2))).mean() > 0.9

    def test_pad_shows_the_whole_picture_in_its_shape(self, width, height):
        shown = resize(np.full((height, width, 3), 200, np.uint8), 60, "pad")[..., 0] > 0
        assert shown.any(0).sum() == pytest.approx(60 * min(1, width / height), abs=1)
        assert shown.any(1).sum() == pytest.approx(60 * min(1, height / width), abs=1)


@pytest.fixture(scope="module")
def section(tmp_path_factory):
    """Class folders of elongated photos, one of them turned by its EXIF orientation."""
    folder = tmp_path_factory.mktemp("photos")
    for label in "ab":
        for number, (width, height) in enumerate(SHAPES * 5):
            image = picture(ord(label) * 100 + number, width, height)
            write(folder / label / f"{number}.jpg", encoded(image, quality=95))
    turned = Image.fromarray(picture(7, 90, 30))
    turned.getexif()[0x0112] = 6
    write(folder / "a" / "turned.jpg", encoded(turned, exif=turned.getexif()))
    return DatasetSection(path=str(folder), format="folders")


def test_the_shapes_of_upright_pictures_are_known(section):
    index = read_index(section)
    positions = np.arange(len(index.keys))
    images = load_images(index, positions, Square(24, "squash", has_aspects=True))
    upright = [index.read(int(position)).shape for position in positions]
    np.testing.assert_allclose(images.about["aspects"], [w / h for h, w, _ in upright])
    turned = images.about["aspects"][index.keys.index("a/turned.jpg")]
    assert turned == pytest.approx(1 / 3)


def test_the_same_pictures_otherwise_resized_are_other_data(section):
    index = read_index(section)
    found = {load_images(index, np.arange(3), Square(8, how)).fingerprint for how in HOW}
    assert len(found) == 3
    assert load_images(index, np.arange(3), 8).fingerprint in found


HOW = ("squash", "crop", "pad")


def test_crops_are_trained_on_larger_rows_and_validated_on_the_whole_picture(section):
    point = Hyperparameters(
        backbone="none", weights="none", image_size=16, preprocessing="unit", resize="pad",
        convolutions=(4,), crop_scale=0.4, flip="horizontal", epochs=1, batch_size=8,
    )  # fmt: skip
    data = load_trial_data(section, Square.of(point), None, Square.for_training(point))
    assert data.train.pixels.shape[1:] == (24, 24, 3)
    assert data.validation.pixels.shape[1:] == (16, 16, 3)
    training = Training(point, 2, data.train, data.validation, 0, Objective())
    assert np.isfinite(training.run_epoch().val_loss)
    stored = dataclasses.replace(point, views=2)
    training = Training(stored, 2, data.train, data.validation, 0, Objective())
    assert np.isfinite(training.run_epoch().val_loss)
