"""Options of the command line take the place of what a study says."""

from __future__ import annotations

import pytest

from search.studies.overrides import overridden
from spaces.errors import StudyError


def test_without_options_the_study_stays_as_it_is(make_study):
    study = make_study()
    assert overridden(study) is study


def test_each_option_replaces_its_value_and_nothing_else(make_study):
    study = make_study()
    changed = overridden(study, seed=7, cpu=2, concurrent=3, minutes=1.5, gpu=0)
    assert (changed.seed, changed.dataset.seed) == (7, 7)
    assert (changed.resources.cpu, changed.resources.concurrent) == (2, 3)
    assert changed.budget.seconds == 90
    expected = study.to_dict()
    expected |= {"seed": 7}
    expected["dataset"] |= {"seed": 7}
    expected["resources"] |= {"cpu": 2, "concurrent": 3, "gpu": 0}
    expected["budget"] |= {"seconds": 90}
    assert changed.to_dict() == expected


def test_a_value_that_cannot_be_is_a_sentence(make_study):
    with pytest.raises(StudyError, match="cpu"):
        overridden(make_study(), cpu=0)
