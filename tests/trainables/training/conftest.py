"""A training of a configuration on a few images."""

from __future__ import annotations

import pytest

from tests.trainables.training.trainings import CLASSES, MAX
from trainables.training.training import Training


@pytest.fixture(scope="module")
def begin(make_images):
    """A training of a configuration on 50 images, 20 to validate on."""

    def training(configuration, seed=3, objective=MAX, validation=True):
        size = configuration.image_size
        images = make_images(50, CLASSES, size), make_images(20, CLASSES, size, seed=1)
        return Training(
            configuration, CLASSES, images[0], images[1] if validation else None, seed, objective
        )

    return training
