"""In a trial's process the test set cannot be had."""

from __future__ import annotations

import pytest

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from trainables.datasets.preflight.examine import preflight
from trainables.datasets.rows import loading
from trainables.worker.keras_trainable import Job, KerasTrainable

SECTION = DatasetSection(format="digits", subset=100)
SETS = preflight(SECTION, "digits").sets


@pytest.fixture
def trial(make_study, tmp_path, monkeypatch):
    """A trial's trainable, as Tune sets it up; afterwards this process is open again."""
    monkeypatch.setattr(loading, "_sealed", False)
    study = make_study(dataset={"format": "digits", "subset": 100})
    job = Job(study.to_dict(), SETS.without_test(), None, str(tmp_path), 1, ())
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    made = KerasTrainable.__new__(KerasTrainable)
    made.setup({"checkpoints": str(tmp_path / "checkpoints"), "evaluation_parts": 1}, job)
    return made


def test_before_it_there_is_a_test_set(monkeypatch):
    monkeypatch.setattr(loading, "_sealed", False)
    assert len(loading.open_sealed_test(SECTION, 8).keys) == 20


def test_a_trial_that_asks_for_it_fails(trial):
    with pytest.raises(DataError, match="The test set is sealed"):
        loading.open_sealed_test(SECTION, 8)


def test_no_image_of_it_is_among_those_that_a_trial_knows(trial):
    _, splits = loading.read_splits(SECTION)
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (60, 20, 0)
    data = loading.load_trial_data(SECTION, 8)
    assert len(data.train.labels) == 60
