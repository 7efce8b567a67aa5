"""Stored views: drawn once, shared by all trials, trained on in turn."""

from __future__ import annotations

import numpy as np
import pytest

from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from trainables.augmentation.stored_views import views
from trainables.datasets.rows.images import Images
from trainables.training.training import Training


@pytest.fixture
def images(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (30, 32, 32, 3), dtype=np.uint8)
    return Images(pixels, np.arange(30, dtype=np.int32) % 3, "views of these")


def point(**values):
    given = {"image_size": 32, "rotation": 30.0, "views": 2, "epochs": 4, "batch_size": 8}
    return Hyperparameters(**given | values)


def test_without_them_the_images_are_as_they_are(images):
    assert views(images, point(views=0)) == [images]
    assert views(images, point(rotation=0.0, views=None)) == [images]


def test_they_differ_from_each_other_and_are_the_same_for_all_trials(images):
    first, second = views(images, point())
    assert first.fingerprint != second.fingerprint
    differing = [not np.array_equal(a, b) for a, b in zip(first.pixels, second.pixels, strict=True)]
    assert sum(differing) == 30
    again = views(images, point(learning_rate=0.1, epochs=7))
    np.testing.assert_array_equal(again[1].pixels, second.pixels)
    assert views(images, point(rotation=10.0))[0].fingerprint != first.fingerprint


def test_another_version_of_tensorflow_draws_them_again(images, monkeypatch):
    before = [view.fingerprint for view in views(images, point())]
    monkeypatch.setattr("tensorflow.__version__", "99.0")
    after = [view.fingerprint for view in views(images, point())]
    assert not set(before) & set(after)


def test_epochs_train_on_features_of_one_after_the_other(images):
    training = Training(point(learning_rate=0.0001), 3, images, images, 0, Objective())
    taken = []
    train = training._loop.train_epoch

    def noted(examples, *args):
        taken.append(id(examples.inputs))
        return train(examples, *args)

    training._loop.train_epoch = noted
    for _ in range(4):
        training.run_epoch()
    assert taken[0] != taken[1]
    assert taken == taken[:2] * 2
    assert training._phase.split.below is not None, "what is frozen is not run in the epochs"


def test_views_without_augmentation_are_refused():
    with pytest.raises(ValueError, match="views is 3, but exists only if there is augmentation"):
        Hyperparameters(views=3)


@pytest.mark.parametrize("name", ["mixup", "cutmix"])
def test_mixed_views_say_what_is_mixed_into_each_image(images, name):
    """Each image has a label of its own, so that the label names the image that is mixed in."""
    each = Images(images.pixels, np.arange(30, dtype=np.int32), "each its own")
    first, second = views(each, point(rotation=0.0, **{name: 1.0}))
    shares, others = first.about["shares"], first.about["partners"]
    assert sorted(others) == list(range(30))
    assert not np.array_equal(others, second.about["partners"])
    assert shares.min() < 0.2 < 0.6 < shares.max()
    own, other, mixed = (
        pixels.astype(float) for pixels in (each.pixels, each.pixels[others], first.pixels)
    )
    if name == "mixup":
        expected = own + shares[:, None, None, None] * (other - own)
        assert np.abs(mixed - expected).max() < 0.51
        return
    replaced = (mixed == other).all(-1) & (own != other).any(-1)
    np.testing.assert_allclose(
        replaced.mean((1, 2))[others != np.arange(30)], shares[others != np.arange(30)], atol=1e-6
    )
    assert ((mixed == own) | (mixed == other)).all()


def test_views_of_larger_rows_have_the_size_of_the_input(images):
    larger = Images(
        images.pixels, images.labels, "larger", {"aspects": np.full(30, 2.0, np.float32)}
    )
    [view] = views(larger, point(rotation=0.0, image_size=20, crop_scale=0.5, views=1))
    assert view.pixels.shape == (30, 20, 20, 3)
