"""How many photos `fit` has time for, chosen before any of them is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from search.fitting.source import Source
from search.fitting.study import rules
from search.fitting.study.facts import Machine
from search.fitting.subset import counted, part_of, share_for
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
    assert counted(Source("photos", root, section), section) == (30, 2), (
        "a quarter of so few is the test set"
    )
    own = section.model_copy(update={"subset": 20, "test": 0.1})
    assert counted(Source("photos", root, own, has_shares=True), own) == (18, 2)


def test_a_published_test_set_is_not_searched(tmp_path, unread):
    root = tmp_path / "photos"
    class_folders(root / "train", 2, 20)
    class_folders(root / "test", 2, 5, first=5000)
    section = DatasetSection(format="split_folders", path=str(root))
    unread()
    assert counted(Source("photos", root, section), section) == (40, 2)


def test_of_more_images_than_a_pass_has_time_for_a_subset_is_used():
    assert share_for(800, 8, LAPTOP, 300) is None
    seen, classes = 900_000, 1000
    share = share_for(seen, classes, LAPTOP, 600)
    seconds = share * seen * LAPTOP.forward_seconds(1.0, 96)
    assert seconds <= 1.01 * rules.PASS_SHARE * LAPTOP.workers * 600
    assert share_for(seen, classes, LAPTOP, 1.0) * seen >= rules.LEAST_OF_CLASS * classes
    assert share_for(seen, classes, LAPTOP, 1e6) is None


def test_a_part_is_of_what_the_section_uses():
    section = DatasetSection(format="digits")
    for whole, share, part in ((None, 0.25, 0.25), (0.5, 0.25, 0.125), (1000, 0.25, 250)):
        given = section.model_copy(update={"subset": whole})
        assert part_of(given, share).subset == part
        assert part_of(given, None).subset == whole
