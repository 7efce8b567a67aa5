"""Changes of colour, blur and erasing against Pillow and SciPy, and TrivialAugment's draws."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats
import tensorflow as tf
from PIL import Image, ImageEnhance, ImageOps

from tests.trainables.datasets.pictures import picture
from trainables.augmentation import colours, trivial_augment
from trainables.augmentation.regions import blurred, erased
from trainables.augmentation.trivial_augment import KINDS, LEVELS, SPACE, chosen, recoloured

SIZE = 32
IMAGES = np.stack([picture(seed, SIZE, SIZE) // (1 + seed % 2) + 20 for seed in range(6)])
FACTORS = (0.01, 0.5, 0.9, 1.0, 1.4, 1.99)

PILLOW = {
    "brightness": (colours.brightness, lambda i, a: ImageEnhance.Brightness(i).enhance(a), FACTORS),
    "saturation": (colours.saturation, lambda i, a: ImageEnhance.Color(i).enhance(a), FACTORS),
    "contrast": (colours.contrast, lambda i, a: ImageEnhance.Contrast(i).enhance(a), FACTORS),
    "sharpness": (colours.sharpness, lambda i, a: ImageEnhance.Sharpness(i).enhance(a), FACTORS),
    "posterize": (
        colours.posterize,
        lambda i, a: ImageOps.posterize(i, int(a)),
        (2, 3, 4, 5, 7, 8),
    ),
    "solarize": (
        colours.solarize,
        lambda i, a: ImageOps.solarize(i, a),
        (0, 60, 128, 200, 255, 256),
    ),
    "auto_contrast": (colours.auto_contrast, lambda i, _: ImageOps.autocontrast(i), (0,) * 6),
    "equalize": (colours.equalize, lambda i, _: ImageOps.equalize(i), (0,) * 6),
}
ROUNDED = {"posterize": 0, "solarize": 0, "equalize": 0}
"""Largest difference from Pillow, where it is not 2 for its rounding."""


@pytest.mark.parametrize("name", PILLOW)
def test_a_colour_is_pillows(name):
    ours, theirs, amounts = PILLOW[name]
    out = ours(tf.constant(IMAGES, tf.float32), tf.constant(amounts, tf.float32)).numpy()
    pairs = zip(IMAGES, amounts, strict=True)
    expected = np.stack([np.asarray(theirs(Image.fromarray(i), a), np.float32) for i, a in pairs])
    assert np.abs(out - expected).max() <= ROUNDED.get(name, 2)
    assert np.abs(expected - IMAGES).max() > 10, "nothing was changed: nothing is proved"


@pytest.mark.parametrize("name", ["auto_contrast", "equalize"])
def test_images_of_one_colour_stay_as_they_are(name):
    flat = np.full((2, 8, 8, 3), 77, np.uint8)
    out = PILLOW[name][0](tf.constant(flat, tf.float32), tf.zeros(2)).numpy()
    np.testing.assert_array_equal(out, flat)


def test_grey_is_pillows():
    expected = np.stack([np.asarray(Image.fromarray(i).convert("L"), np.float32) for i in IMAGES])
    assert np.abs(colours.grey(tf.constant(IMAGES, tf.float32))[..., 0] - expected).max() <= 1


def test_a_blur_is_scipys_gaussian():
    """Pillow's is an approximation by boxes; SciPy's has the same truncation."""
    images = np.random.default_rng(0).uniform(0, 255, (4, 224, 224, 3)).astype(np.float32)
    drawn = np.array([0.0, 0.3, 0.7, 1.0], np.float32)
    out = blurred(tf.constant(images), tf.constant(drawn)).numpy()
    for image, one, blur in zip(images, out, drawn, strict=True):
        sigma = 0.1 + 1.9 * float(blur)
        expected = scipy.ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="reflect", radius=8)
        np.testing.assert_allclose(one, expected, atol=0.02)


def test_erasing_covers_one_rectangle_with_the_mean_colour():
    images = np.random.default_rng(0).uniform(0, 255, (300, SIZE, SIZE, 3)).astype(np.float32)
    drawn = np.random.default_rng(1).uniform(size=(300, 4)).astype(np.float32)
    out = erased(tf.constant(images), tf.constant(drawn)).numpy()
    changed = (out != images).any(-1)
    areas, shapes = changed.mean((1, 2)), []
    for image, one, mask in zip(images, out, changed, strict=True):
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not len(rows):
            continue
        box = np.ix_(rows, columns)
        assert mask[box].all(), "not a rectangle"
        np.testing.assert_allclose(
            one[box], np.broadcast_to(image.mean((0, 1)), one[box].shape), rtol=1e-4
        )
        shapes.append(len(columns) / len(rows))
    assert 0 <= areas.min() < 0.04
    assert 0.28 < areas.max() <= 0.37
    assert areas.mean() == pytest.approx((0.02 + 1 / 3) / 2, abs=0.02)
    assert min(shapes) < 0.5
    assert max(shapes) > 2
    assert changed.any(0).mean() > 0.95, "nearly every place is covered at times"


class TestTrivialAugment:
    def drawn(self, count):
        return tf.random.stateless_uniform([count, trivial_augment.COLUMNS], [3, 4])

    def test_operations_strengths_and_signs_are_equally_likely(self):
        """By χ² tests at 0.001, of 28,000 images."""
        kinds, strengths = (x.numpy() for x in chosen(self.drawn(28_000)))
        assert scipy.stats.chisquare(np.bincount(kinds, minlength=len(KINDS))).pvalue > 1e-3
        for name, (possible, is_signed) in SPACE.items():
            own = strengths[kinds == KINDS.index(name)]
            levels = Counter(np.abs(own).round(5).tolist())
            wanted = Counter(np.abs(possible).astype(np.float32).round(5).tolist())
            assert set(levels) == set(wanted), name
            expected = [len(own) * wanted[level] / LEVELS for level in levels]
            if len(levels) > 1:
                assert scipy.stats.chisquare(list(levels.values()), expected).pvalue > 1e-3, name
            if is_signed:
                assert np.mean(own[own != 0] > 0) == pytest.approx(0.5, abs=0.05), name
            else:
                assert (own >= 0).all(), name

    def test_its_space_is_the_papers(self):
        """Table 6 of the paper, the wide space; moves are 32 of 224 pixels."""
        ends = {name: (values.min(), values.max()) for name, (values, _) in SPACE.items()}
        assert len(KINDS) == 14
        assert ends["shear_x"] == ends["shear_y"] == (0, 0.99)
        assert ends["translate_x"] == ends["translate_y"] == (0, 32 / 224)
        assert ends["rotate"] == (0, 135)
        for name in ("brightness", "color", "contrast", "sharpness"):
            assert ends[name] == (0, 0.99)
        assert ends["posterize"] == (2, 8)
        assert ends["solarize"] == (0, 256)

    def test_each_image_passes_through_its_own_operation_alone(self):
        images = np.repeat(IMAGES[1:2], len(KINDS), 0)
        strengths = np.array([SPACE[kind][0][20] for kind in KINDS], np.float32)
        arguments = tf.range(len(KINDS)), tf.constant(strengths)
        out = recoloured(tf.constant(images, tf.float32), *arguments).numpy()
        names = {"color": "saturation"}
        for kind, strength, one in zip(KINDS, strengths, out, strict=True):
            name = names.get(kind, kind)
            if name not in PILLOW:
                np.testing.assert_array_equal(one, images[0])
                continue
            factor = kind in ("brightness", "color", "contrast", "sharpness")
            amount = 1 + strength if factor else strength
            expected = PILLOW[name][1](Image.fromarray(images[0]), float(amount))
            assert np.abs(one - np.asarray(expected, np.float32)).max() <= 2, kind
            assert np.abs(one - images[0]).max() > 4, kind

    @pytest.mark.parametrize(
        ("kind", "strength", "rows"),
        [
            ("shear_x", 0.3, (1, 0.3, 0, 0, 1, 0)),
            ("shear_y", -0.3, (1, 0, 0, -0.3, 1, 0)),
            ("translate_x", 4 / SIZE, (1, 0, -4, 0, 1, 0)),
            ("translate_y", -4 / SIZE, (1, 0, 0, 0, 1, 4)),
        ],
    )
    def test_geometry_is_the_papers_transform_of_pillow(self, kind, strength, rows):
        from trainables.augmentation.geometry import warp

        arguments = tf.constant([KINDS.index(kind)]), tf.constant([strength], tf.float32)
        maps = trivial_augment.maps(*arguments)
        out = warp(tf.constant(IMAGES[:1], tf.float32), maps, SIZE).numpy()[0]
        image = Image.fromarray(IMAGES[0])
        size, bilinear = (SIZE, SIZE), Image.Resampling.BILINEAR
        expected = image.transform(size, Image.Transform.AFFINE, rows, bilinear)
        seen = Image.new("L", size, 1).transform(size, Image.Transform.AFFINE, rows, bilinear)
        inside = scipy.ndimage.binary_erosion(np.asarray(seen) == 1, iterations=2)
        assert inside.mean() > 0.3
        assert np.abs(out - np.asarray(expected, np.float32))[inside].max() < 1.01
