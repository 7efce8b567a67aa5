"""Augmentation does what its hyperparameters say, to either side, and by its seed."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from spaces.hyperparameters import AUGMENTATION, Hyperparameters
from trainables.augmentation.batch import augmentation, partners

SIZE, COUNT = 48, 96
KINDS = {
    "flip": "horizontal",
    "rotation": 20.0,
    "zoom": 0.2,
    "shift": 0.1,
    "shear": 20.0,
    "crop": 0.3,
    "crop_scale": 0.3,
    "color_jitter": 0.4,
    "grayscale": 0.5,
    "blur": 0.5,
    "erasing": 0.5,
    "trivial_augment": True,
    "mixup": 0.4,
    "cutmix": 1.0,
}


def augmentation_of(values):
    return augmentation(Hyperparameters(image_size=values.pop("size", SIZE), **values))


def augmented(images, seed=0, epoch=1, **values):
    augment = augmentation_of({"size": images.shape[1], **values})
    return applied(augment, tf.constant(images, tf.float32), seed, epoch).numpy()


def applied(augment, images, seed=0, epoch=1):
    count = tf.shape(images)[0]
    drawn = augment.draw(count, tf.constant([seed, epoch], tf.int64), channels=3)
    out = augment.images(images, drawn, tf.ones(count))
    return augment.mixed_images(out, partners(out), drawn)


def repeated(image):
    return np.repeat(np.repeat(image[None, ..., None], 3, -1), COUNT, 0).astype(np.float32)


def line(*columns):
    """Dark images with a bright upright line at each of these columns."""
    x = np.arange(SIZE)[None, :]
    return repeated(sum(255 * np.exp(-((x - c) ** 2) / 2) for c in columns) * np.ones((SIZE, 1)))


def positions(images):
    """Column of the line in each of the middle rows: (images, rows)."""
    rows = images[:, SIZE // 4 : -SIZE // 4, :, 0]
    return (rows * np.arange(SIZE)).sum(-1) / rows.sum(-1)


def angles(images):
    """Degrees by which an upright line leans in each image."""
    columns = positions(images)
    rows = np.arange(columns.shape[1])
    return np.degrees(np.arctan(np.polyfit(rows, columns.T, 1)[0]))


def test_nothing_asked_is_nothing_done():
    assert augmentation(Hyperparameters()) is None


def test_every_kind_is_tested():
    assert set(KINDS) == set(AUGMENTATION)


@pytest.mark.parametrize("name", KINDS)
class TestEvery:
    def images(self):
        return np.random.default_rng(0).integers(0, 256, (16, 24, 24, 3)).astype(np.float32)

    def test_it_changes_images_and_keeps_their_shape_and_range(self, name):
        out = augmented(self.images(), **{name: KINDS[name]})
        assert out.shape == (16, 24, 24, 3)
        assert out.min() >= 0
        assert out.max() <= 255
        assert not np.array_equal(out, self.images())

    def test_the_same_seed_does_the_same(self, name):
        images, values = self.images(), {name: KINDS[name]}
        one, other = augmented(images, 3, **values), augmented(images, 3, **values)
        np.testing.assert_array_equal(one, other)
        assert not np.array_equal(one, augmented(images, 4, **values))

    def test_each_epoch_is_another(self, name):
        values = {name: KINDS[name]}
        one, other = (augmented(self.images(), epoch=epoch, **values) for epoch in (1, 2))
        assert not np.array_equal(one, other)

    def test_each_image_draws_its_own(self, name):
        """Of twenty equal images not all come out alike, but for mixtures of equals."""
        side = 224 if name == "blur" else 24  # less than a tenth of a pixel is no blur
        image = np.random.default_rng(0).uniform(0, 255, (1, side, side, 3)).astype(np.float32)
        images = np.repeat(image, 20, 0)
        out = augmented(images, **{name: KINDS[name]})
        alike = [np.allclose(out[0], other, atol=1e-2) for other in out]
        assert all(alike) == (name in ("mixup", "cutmix"))

    def test_it_works_inside_a_graph(self, name):
        augment = augmentation_of({"size": 24, name: KINDS[name]})
        signature = [tf.TensorSpec((None, 24, 24, 3), tf.float32)]
        step = tf.function(lambda images: applied(augment, images), input_signature=signature)
        for count in (16, 5, 1):
            assert step(self.images()[:count]).shape == (count, 24, 24, 3)


def test_strengths_change_without_a_new_graph():
    augment = augmentation_of({"rotation": 0.001, "blur": 1e-6})
    step = tf.function(lambda images: applied(augment, images))
    before = step(line(SIZE / 2)).numpy()
    augment.adjust(Hyperparameters(rotation=20.0, blur=1e-6))
    after = step(line(SIZE / 2)).numpy()
    assert np.abs(angles(before)).max() < 0.1
    assert np.abs(angles(after)).max() > 15
    assert step.experimental_get_tracing_count() == 1


@pytest.mark.parametrize(
    ("mode", "turns"),
    [
        ("horizontal", [lambda i: i, lambda i: i[:, ::-1]]),
        (
            "both",
            [lambda i: i, lambda i: i[:, ::-1], lambda i: i[::-1], lambda i: i[::-1, ::-1]],
        ),
    ],
)
def test_a_flip_gives_the_image_or_its_mirror_images(mode, turns):
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3)).astype(np.float32)
    out = augmented(np.repeat(image[None], COUNT, 0), flip=mode)
    seen = [next(n for n, turn in enumerate(turns) if np.array_equal(turn(image), o)) for o in out]
    assert set(seen) == set(range(len(turns)))


@pytest.mark.parametrize("kind", ["rotation", "shear"])
def test_degrees_are_degrees_to_either_side(kind):
    lean = angles(augmented(line(SIZE / 2), **{kind: 20.0}))
    assert lean.min() == pytest.approx(-20, abs=2.5)
    assert lean.max() == pytest.approx(20, abs=2.5)


def test_a_shift_is_a_share_of_the_side_to_either_side():
    moved = positions(augmented(line(SIZE / 2), shift=0.25)).mean(-1) - SIZE / 2
    assert moved.min() == pytest.approx(-0.25 * SIZE, abs=1)
    assert moved.max() == pytest.approx(0.25 * SIZE, abs=1)


def scale(images):
    """Distance of two lines, of what it was."""
    left = positions(np.where(np.arange(SIZE)[:, None] < SIZE / 2, images, 0))
    right = positions(np.where(np.arange(SIZE)[:, None] >= SIZE / 2, images, 0))
    return (right - left).mean(-1) / (SIZE / 3)


def test_a_zoom_is_a_share_to_either_side():
    scales = scale(augmented(line(SIZE / 3, 2 * SIZE / 3), zoom=0.2))
    assert scales.min() == pytest.approx(1 / 1.2, abs=0.03)
    assert scales.max() == pytest.approx(1 / 0.8, abs=0.03)


def test_a_crop_shows_a_part_and_nothing_beyond_the_image():
    ramp = repeated(np.linspace(0, 250, SIZE) * np.ones((SIZE, 1)))
    out = augmented(ramp, crop=0.4)[:, SIZE // 2, :, 0]
    assert (np.diff(out, axis=-1) >= -0.5).all(), "what is mirrored at a border falls"
    shown = (out[:, -1] - out[:, 0]) / 250
    assert shown == pytest.approx(0.6, abs=0.03)
    assert out[:, 0].min() < 10
    assert out[:, -1].max() > 240
