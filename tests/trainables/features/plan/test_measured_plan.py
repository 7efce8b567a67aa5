"""Plans of real studies: what the trials would like, and what the networks have."""

from __future__ import annotations

import dataclasses

import pytest

from spaces.hyperparameters import Hyperparameters
from trainables.features.plan.demands import expected_epochs, live_trials, share_left, stages
from trainables.features.plan.measured_plan import plan_study
from trainables.networks.cut import cut
from trainables.networks.network import build_network

SPACE = {
    "unfrozen_depth": {"low": 0, "high": 8, "step": 4},
    "dropout": {"low": 0.0, "high": 0.5},
}


@pytest.fixture(scope="module")
def study(make_study):
    return make_study(
        dataset={"format": "digits", "subset": 300},
        base={"backbone": "MobileNetV3Small", "image_size": 48, "head_epochs": 2},
        space=SPACE,
        recipes={"probe": {"epochs": 7}},
        budget={"trials": 31, "max_epochs": 9, "grace_period": 1, "reduction_factor": 3},
    )


def depths(study):
    return {stage.depth: epochs for stage, epochs in expected_epochs(study).items()}


def test_epochs_are_those_that_the_scheduler_lets_run(study):
    assert [share_left(study, epoch) for epoch in (1, 2, 3, 4, 9, 10)] == pytest.approx(
        [1, 1 / 3, 1 / 3, 1 / 9, 1 / 9, 1 / 27]
    )
    all_of_a_trial = 1 + 2 / 3 + 6 / 9
    found = depths(study)
    assert set(found) == {"head", "4", "8"}
    assert sum(found.values()) == pytest.approx(7 + 30 * all_of_a_trial)


def test_the_head_comes_first_where_there_are_two_phases():
    point = Hyperparameters(unfrozen_depth=3, epochs=9, head_epochs=2)
    found = [(stage.head_only, first, last) for stage, first, last in stages(point)]
    assert found == [(True, 1, 2), (False, 3, 9)]


@pytest.mark.parametrize(
    "changes", [{"rotation": 5.0}, {"flip": "both"}, {"weights": "none"}, {"backbone": "none"}]
)
def test_some_trials_have_nothing_to_begin_from(changes):
    assert list(stages(dataclasses.replace(Hyperparameters(), **changes))) == []


def test_what_trains_live_is_told(make_study):
    half = make_study(space={"flip": {"choices": ["none", "horizontal"]}}, recipes={})
    [line] = live_trials(half)
    assert "augmented images are new in each epoch" in line
    assert 30 < int(line.split("%")[0].split()[-1]) < 70


def test_the_plan_has_the_highest_cut_of_each_depth(study):
    plan = plan_study(study, 240)
    assert plan.images == 240
    base = study.search_space.point({})
    wanted = {}
    for depth in (0, 4, 8):
        changes = {"unfrozen_depth": depth, "weights": "none"}
        changes |= {} if depth else {"batch_norm": None, "head_epochs": None}
        found = cut(build_network(dataclasses.replace(base, **changes), 10).model)
        wanted["head" if depth == 0 else str(depth)] = (
            found.name,
            tuple(found.above.inputs[0].shape[1:]),
        )
    rows = {depth: (row.boundary, row.shape) for row in plan.rows for depth in row.depths}
    assert rows == wanted
    assert rows["head"][1] == (576,)
    for row in plan.rows:
        assert row.saved_seconds > 0
    assert set(plan.kept_for(base)) == {row.boundary for row in plan.kept}


def test_without_its_data_a_study_has_a_plan_of_unknown_size(make_study):
    absent = make_study(
        dataset={"format": "folders", "path": "nowhere"},
        base={"backbone": "MobileNetV3Small", "image_size": 48},
        space=SPACE,
        recipes={},
    )
    plan = plan_study(absent, None)
    assert plan.images is None
    assert plan.rows
    assert {row.reason for row in plan.rows} == {"the number of images is not known"}
