"""Geometry is a single affine map, resampled as Pillow does, and crops keep a picture's shape."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from sklearn.datasets import load_sample_image

from spaces.hyperparameters import Hyperparameters
from tests.trainables.datasets.pictures import picture
from trainables.augmentation.batch import augmentation
from trainables.augmentation.geometry import affine, after, resized_crop, rotated, warp, window
from trainables.datasets.rows.resizing import CROPPED_FROM

SIZE = 40


def maps(count=8, seed=0):
    """Turned, sheared, moved and zoomed, but staying inside the image."""
    chance = np.random.default_rng(seed)
    turns = rotated(tf.constant(chance.uniform(-180, 180, count), tf.float32))
    x, y = (tf.constant(chance.uniform(0, 1, count), tf.float32) for _ in range(2))
    side = tf.fill([count], 0.5)
    slope = tf.constant(chance.uniform(-0.1, 0.1, count), tf.float32)
    sheared = affine(count, (1.0, slope, 0.0), (0.0, 1.0, 0.0))
    return after(window(side, side, x * 0.2 + 0.4, y * 0.2 + 0.4), after(turns, sheared))


def by_pillow(image, whole, size):
    """The same map by Pillow, which counts from the corner of the first pixel."""
    side = image.shape[0]
    grown = whole[:2, :2] * side / size
    origin = whole[:2, 2] * side + side / 2 - grown @ np.full(2, size / 2)
    rows = [*grown[0], origin[0], *grown[1], origin[1]]
    out = Image.fromarray(image).transform(
        (size, size), Image.Transform.AFFINE, rows, Image.Resampling.BILINEAR
    )
    return np.asarray(out, np.float32)


@pytest.mark.parametrize("size", [SIZE, 24, 60])
def test_a_map_resamples_as_pillow_does(size):
    """Pillow rounds its result down: the difference is 1 of 255 at most."""
    image = picture(1, SIZE, SIZE)
    images = np.repeat(image[None], 8, 0)
    out = warp(tf.constant(images, tf.float32), maps(), size).numpy()
    expected = np.stack([by_pillow(image, whole.numpy(), size) for whole in maps()])
    assert np.abs(out - expected).max() < 1.01
    assert np.abs(expected - expected.mean()).max() > 50


def test_maps_in_a_row_are_one_map():
    one, other = maps(seed=1), maps(seed=2)
    found = after(one, other)
    np.testing.assert_allclose(found, np.matmul(one, other), atol=1e-6)


def test_a_whole_augmentation_samples_once():
    """The product of all parts, applied by Pillow in one step, gives the same picture."""
    values = {"flip": "both", "rotation": 20.0, "zoom": 0.1, "shift": 0.05, "shear": 10.0}
    augment = augmentation(Hyperparameters(image_size=SIZE, crop=0.4, **values))
    step = tf.function(lambda images, drawn: augment.images(images, drawn))
    images = tf.zeros((2, SIZE, SIZE, 3))
    drawn = augment.draw(2, tf.constant([1, 1], tf.int64), 3)
    graph = step.get_concrete_function(images, drawn).graph
    kinds = [operation.type for operation in graph.get_operations()]
    assert kinds.count("ImageProjectiveTransformV3") == 1


ELONGATED = {"wide": (420, 140), "tall": (150, 300), "square": (250, 250)}
"""Width and height of parts of a photo."""


@pytest.fixture(params=ELONGATED)
def elongated(request):
    """A picture and 200 windows of it: shares of its sides, and where their corners are."""
    width, height = ELONGATED[request.param]
    chance = np.random.default_rng(3)
    drawn = tf.constant(chance.uniform(size=(200, 4)), tf.float32)
    aspects = tf.fill([200], width / height)
    whole = resized_crop(drawn, 0.2, 4 / 3, aspects).numpy()
    sides = np.stack([whole[:, 0, 0], whole[:, 1, 1]], 1)
    corners = whole[:, :2, 2] + 0.5 - sides / 2
    photo = load_sample_image("china.jpg")[100 : 100 + height, 150 : 150 + width]
    return np.ascontiguousarray(photo), whole, sides, corners


def test_crops_are_never_stretched_and_stay_inside(elongated):
    image, _, sides, corners = elongated
    pixels = sides * np.array([image.shape[1], image.shape[0]])
    ratios = pixels[:, 0] / pixels[:, 1]
    assert ratios.min() >= 3 / 4 - 1e-4
    assert ratios.max() <= 4 / 3 + 1e-4
    assert ratios.max() - ratios.min() > 0.4
    assert corners.min() >= -1e-6
    assert (corners + sides).max() <= 1 + 1e-6
    areas = sides.prod(1)
    assert areas.min() >= 0.2 - 1e-4
    short, long = sorted(image.shape[:2])
    assert areas.max() <= min(1.0, 4 / 3 * short / long) + 1e-4


def test_crops_are_those_that_pillow_cuts_from_the_picture(elongated):
    """Squashed to a larger square and cut by the map, or cut by Pillow from the photo itself.

    Of a photo with much detail, at 64 pixels, the mean difference is 3.4 to 7.5 of 255, and the
    largest 121, at edges: detail that the stored square has lost. From a square no larger than the
    input they would be 4.2 to 11.4, and 151.
    """
    image, whole, sides, corners = elongated
    size = 64

    def cut_from(stored):
        row = Image.fromarray(image).resize((stored, stored), Image.Resampling.BICUBIC)
        rows = np.repeat(np.asarray(row, np.float32)[None], 40, 0)
        return warp(tf.constant(rows), tf.constant(whole[:40]), size).numpy()

    scale = np.array([image.shape[1], image.shape[0]])
    boxes = np.concatenate([corners * scale, (corners + sides) * scale], 1)[:40]
    boxes = np.clip(boxes, 0, np.tile(scale, 2))
    expected = np.stack(
        [
            np.asarray(
                Image.fromarray(image).resize(
                    (size, size), Image.Resampling.BICUBIC, box=tuple(box)
                )
            )
            for box in boxes
        ]
    ).astype(np.float32)
    difference = np.abs(cut_from(round(size * CROPPED_FROM)) - expected)
    assert difference.mean() < 8
    assert difference.max() < 125
    assert difference.mean() < 0.8 * np.abs(cut_from(size) - expected).mean()
