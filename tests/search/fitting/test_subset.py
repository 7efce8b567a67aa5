"""How many photos `fit` has time for, chosen before any of them is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.fitting.study import rules
from search.fitting.study.facts import Machine
from search.fitting.subset import counted, subset_for
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import class_folders

LAPTOP = Machine(workers=2, gpus=0, pixel_seconds=5e-7)


@pytest.fixture
def unread(monkeypatch):
    """Fails if any image is opened."""

    def opened(path, *_, **__):
        pytest.fail(f"{path} was opened")

    def forbid():
        monkeypatch.setattr(Path, "open", opened)

    return forbid


def test_photos_are_counted_without_reading_one(tmp_path, unread):
    root = class_folders(tmp_path / "photos", 2, 20)
    section = DatasetSection(format="folders", path=str(root))
    unread()
    assert counted(section, "photos") == (30, 2), "a quarter of so few is the test set"


def test_a_published_test_set_is_not_searched(tmp_path, unread):
    class_folders(tmp_path / "photos" / "train", 2, 20)
    class_folders(tmp_path / "photos" / "test", 2, 5, first=5000)
    section = DatasetSection(format="split_folders", path=str(tmp_path / "photos"))
    unread()
    assert counted(section, "photos") == (40, 2)


def test_of_more_images_than_a_pass_has_time_for_a_subset_is_used():
    assert subset_for(800, 8, LAPTOP, 300) is None
    seen, classes = 900_000, 1000
    share = subset_for(seen, classes, LAPTOP, 600)
    seconds = share * seen * LAPTOP.forward_seconds(1.0, 96)
    assert seconds <= 1.01 * rules.PASS_SHARE * LAPTOP.workers * 600
    assert subset_for(seen, classes, LAPTOP, 1.0) * seen >= rules.LEAST_OF_CLASS * classes
    assert subset_for(seen, classes, LAPTOP, 1e6) is None
