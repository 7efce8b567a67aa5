"""Plans and entry names of earlier searches: used again only where they would come out the same."""

from __future__ import annotations

import dataclasses

import PIL
import pytest

from search.features.plan_cache import (
    remember_entries,
    remember_plan,
    remembered_entries,
    remembered_plan,
)
from spaces.hyperparameters import Hyperparameters
from trainables.datasets.preflight.examine import preflight
from trainables.features.plan.extraction_task import ExtractionTask
from trainables.features.plan.plan import Plan


@pytest.fixture
def study(make_study, tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    return make_study(dataset={"format": "digits", "subset": 200}, recipes={})


@pytest.fixture
def task(study, tmp_path):
    point = Hyperparameters(image_size=32)
    return ExtractionTask(study.dataset, None, point, ("pooling",), str(tmp_path), threads=1)


def test_entries_are_remembered_by_all_that_they_depend_on(study, task):
    assert remembered_entries(study, [task]) is None
    remember_entries(study, task, ["one", "two"])
    assert remembered_entries(study, [task]) == ["one", "two"]
    assert remembered_entries(study, [dataclasses.replace(task, threads=8)]) == ["one", "two"]
    for changes in ({"cuts": ("conv",)}, {"point": Hyperparameters(image_size=64)}):
        assert remembered_entries(study, [dataclasses.replace(task, **changes)]) is None
    assert remembered_entries(study, [task, task]) == ["one", "two"] * 2


def test_after_an_upgrade_of_the_decoder_the_entries_are_unknown(study, task, monkeypatch):
    """The features of a trial then have other names, so old ones would be taken for hits."""
    remember_entries(study, task, ["one"])
    monkeypatch.setattr(PIL, "__version__", "0.1")
    assert remembered_entries(study, [task]) is None


def test_a_run_has_the_plan_that_was_made_of_its_data_before(study):
    """`describe` splits the dataset as it is, a search reads the sets of its run."""
    sets = preflight(study.dataset, study.name).sets
    plan = Plan((), images=160)
    remember_plan(study, None, plan)
    assert remembered_plan(study, sets.without_test()) == plan
    others = dataclasses.replace(sets, fingerprint="others")
    assert remembered_plan(study, others) is None
