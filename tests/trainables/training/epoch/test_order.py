"""Balanced sampling: as many images of each class, none again before all have come once."""

from __future__ import annotations

import numpy as np
import pytest

from spaces.hyperparameters import Hyperparameters
from trainables.training.epoch.order import order_of_epoch

LABELS = np.repeat([0, 1, 2, 3], [5, 20, 150, 41])
PLAIN, BALANCED = Hyperparameters(), Hyperparameters(sampling="balanced")


def test_without_it_every_image_comes_once():
    """In the order that earlier versions drew: they resume as they began."""
    order = order_of_epoch(PLAIN, LABELS, 3, 2)
    np.testing.assert_array_equal(order, np.random.default_rng((3, 2)).permutation(len(LABELS)))


@pytest.mark.parametrize("epoch", range(1, 5))
def test_each_class_has_the_same_number_of_places(epoch):
    order = order_of_epoch(BALANCED, LABELS, 3, epoch)
    assert len(order) == len(LABELS)
    assert set(np.bincount(LABELS[order])) == {54}
    times = np.bincount(order, minlength=len(LABELS))
    for one in range(4):
        assert np.ptp(times[one == LABELS]) <= 1


def test_epochs_draw_other_images_and_seeds_repeat():
    first, again, second = (order_of_epoch(BALANCED, LABELS, 3, e) for e in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    large = [set(order[LABELS[order] == 2]) for order in (first, second)]
    assert len(large[0]) == 54
    assert large[0] != large[1]


def test_classes_are_mixed_in_the_order():
    halves = np.array_split(LABELS[order_of_epoch(BALANCED, LABELS, 3, 1)], 2)
    assert all(np.bincount(half, minlength=4).min() > 10 for half in halves)


def test_a_class_that_the_set_lacks_has_no_place():
    labels = np.array([0, 0, 2, 2, 2])
    assert sorted(np.bincount(labels[order_of_epoch(BALANCED, labels, 0, 1)])) == [0, 2, 3]
