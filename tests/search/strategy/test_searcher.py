"""The searcher: recipes first, the same again from the same seed, and states told as they are."""

from __future__ import annotations

import math

import pytest
from optuna.trial import TrialState

from search.records import events
from search.records.ledger import Ledger, read_ledger
from search.strategy.searcher import OptunaSearcher
from spaces.studies.study import METRICS
from spaces.studies.study_file import parse_study
from tests.search.strategy.searching import Driver

MODES = [{"metric": metric, "mode": mode} for metric, mode in METRICS.items()]
both_modes = pytest.mark.parametrize("objective", MODES, ids=METRICS.values())


def told(searcher):
    """What Optuna knows of each trial."""
    return [
        (trial.state, trial.params, trial.value, trial.intermediate_values)
        for trial in searcher._optuna.get_trials(deepcopy=False)
    ]


def worked(study, trials=7):
    """A search of which some trials completed, were pruned, failed, and one is under way."""
    driver = Driver(study)
    for number in range(trials):
        driver.propose(number)
        accuracy = 0.3 + 0.04 * number
        driver.measure(number, 1, accuracy)
        if number == trials - 1:
            break
        if number % 4 == 1:
            driver.end(number, "PRUNED")
            continue
        driver.measure(number, 2, accuracy + 0.05)
        driver.end(number, "FAIL" if number % 4 == 2 else "COMPLETE", "worker_lost")
    return driver


class TestProposals:
    def test_recipes_come_first_in_their_order(self, make_study):
        study = make_study(
            recipes={"z": {}, "a": {"unfrozen_depth": 3}, "m": {"learning_rate": 2e-3}}
        )
        driver = Driver(study)
        first = [driver.propose(number) for number in range(5)]
        assert [recipe for recipe, _ in first] == ["z", "a", "m", None, None]
        assert [point for _, point in first[:3]] == list(study.recipe_points.values())

    def test_a_recipe_keeps_its_own_epochs(self, make_study):
        study = make_study(recipes={"short": {"epochs": 2}})
        assert Driver(study).propose(0)[1].epochs == 2

    def test_every_proposal_is_in_the_space(self, make_study):
        study = make_study()
        driver = worked(study, 15)
        for event in driver.events:
            if event["event"] == "trial_proposed":
                point = type(study.search_space.point({})).from_dict(event["hyperparameters"])
                assert study.search_space.choices_of(point)

    def test_the_same_seed_proposes_the_same(self, make_study):
        def proposals(seed):
            driver = worked(make_study(seed=seed), 14)
            return [e["hyperparameters"] for e in driver.events if e["event"] == "trial_proposed"]

        assert proposals(3) == proposals(3)
        assert proposals(3) != proposals(4)

    def test_a_study_without_recipes_searches_at_once(self, make_study):
        assert Driver(make_study(recipes={})).propose(0)[0] is None

    def test_conditional_parameters_and_alternatives_can_be_searched(self, make_study):
        study = make_study(
            recipes={},
            space={
                "unfrozen_depth": {"low": 0, "high": 3},
                "batch_norm": {"choices": ["frozen", "trained"]},
                "decay": {"choices": ["none", "step", "exponential"]},
                "decay_factor": [
                    {"low": 0.1, "high": 0.2, "when": {"decay": ["step"]}},
                    {"low": 0.8, "high": 0.9, "when": {"decay": ["exponential"]}},
                ],
                "head_epochs": {"low": 0, "high": 2},
            },
        )
        driver = Driver(study)
        seen = [driver.propose(number)[1] for number in range(24)]
        assert {point.decay for point in seen} == {"none", "step", "exponential"}
        assert {point.unfrozen_depth > 0 for point in seen} == {True, False}
        for point in seen:
            assert (point.batch_norm is None) == (point.unfrozen_depth == 0)
            factor = point.decay_factor
            if point.decay == "none":
                assert factor is None
            else:
                assert (factor < 0.5) == (point.decay == "step")

    def test_a_range_that_its_step_does_not_divide_is_searched_in_silence(self, make_study):
        space = {"unfrozen_depth": {"low": 0, "high": 5, "step": 2}}
        driver = Driver(make_study(space=space, recipes={}))
        assert {driver.propose(number)[1].unfrozen_depth for number in range(20)} == {0, 2, 4}


@both_modes
class TestTelling:
    def test_a_completed_trial_has_its_best_value(self, make_study, objective):
        driver = Driver(make_study(objective=objective))
        driver.propose(0)
        for epoch, accuracy in enumerate((0.5, 0.8, 0.6), 1):
            driver.measure(0, epoch, accuracy)
        driver.end(0, "COMPLETE")
        state, _, value, intermediate = told(driver.searcher)[0]
        values = [0.5, 0.8, 0.6] if objective["mode"] == "max" else [0.5, 1 - 0.8, 0.4]
        best = max(values) if objective["mode"] == "max" else min(values)
        assert (state, value) == (TrialState.COMPLETE, pytest.approx(best))
        assert intermediate == pytest.approx(dict(enumerate(values, 1)))

    def test_a_pruned_trial_is_pruned_with_its_last_value(self, make_study, objective):
        driver = Driver(make_study(objective=objective))
        driver.propose(0)
        driver.measure(0, 1, 0.75)
        driver.measure(0, 2, 0.5)
        driver.end(0, "PRUNED")
        state, _, value, intermediate = told(driver.searcher)[0]
        assert state == TrialState.PRUNED
        assert value == intermediate[2] == 0.5
        assert set(intermediate) == {1, 2}

    def test_a_failed_trial_has_no_value(self, make_study, objective):
        driver = Driver(make_study(objective=objective))
        driver.propose(0)
        driver.measure(0, 1, 0.9)
        driver.end(0, "FAIL", "worker_lost")
        state, _, value, _ = told(driver.searcher)[0]
        assert (state, value) == (TrialState.FAIL, None)

    @pytest.mark.parametrize("state", ["COMPLETE", "PRUNED"])
    def test_a_trial_without_a_finite_value_never_looks_good(self, make_study, objective, state):
        driver = Driver(make_study(objective=objective))
        driver.propose(0)
        driver.measure(0, 1, math.nan, loss=math.inf if objective["mode"] == "max" else math.nan)
        driver.end(0, state)
        _, _, value, intermediate = told(driver.searcher)[0]
        assert value is None
        assert intermediate == {}
        driver.propose(1)

    def test_a_trial_under_way_is_running(self, make_study, objective):
        driver = Driver(make_study(objective=objective))
        driver.propose(0)
        driver.measure(0, 1, 0.5)
        state, params, value, _ = told(driver.searcher)[0]
        assert (state, value) == (TrialState.RUNNING, None)
        assert params == {
            key: choice if not isinstance(choice, tuple) else params[key]
            for key, choice in driver.study.search_space.choices_of(
                driver.study.recipe_points["probe"]
            ).items()
        }


class TestResuming:
    @both_modes
    def test_a_ledger_that_is_replayed_gives_the_same_trials(self, make_study, tmp_path, objective):
        driver = worked(make_study(objective=objective))
        with Ledger(tmp_path / "ledger.jsonl") as ledger:
            for event in driver.events:
                ledger.append(event)
        again = OptunaSearcher(driver.study)
        for event in read_ledger(tmp_path / "ledger.jsonl"):
            again.take(event)
        assert told(again) == told(driver.searcher)
        assert {t[0] for t in told(again)} == {
            TrialState.COMPLETE,
            TrialState.PRUNED,
            TrialState.FAIL,
            TrialState.RUNNING,
        }

    @pytest.mark.parametrize("after", [1, 2, 3, 4, 6])
    def test_it_goes_on_without_proposing_what_was_proposed(self, make_study, after):
        study = make_study()
        driver = Driver(study)
        before = [driver.propose(number)[1] for number in range(after)]
        again = Driver(study)
        for event in driver.events:
            again.take(event)
        recipes = list(study.recipe_points)
        for number in range(after, after + 4):
            recipe, point = again.propose(number)
            assert recipe == (recipes[number] if number < len(recipes) else None)
            assert point not in before
            before.append(point)

    def test_going_on_twice_does_not_repeat_either(self, make_study):
        study = make_study()
        ledger: list[events.Event] = []
        seen = []
        for number in range(8):  # a driver that dies after each proposal
            driver = Driver(study)
            for event in ledger:
                driver.searcher.take(event)
            seen.append(driver.propose(number)[1])
            ledger += driver.events
        assert len(set(seen)) == len(seen)

    @both_modes
    def test_an_epoch_that_is_trained_again_counts_as_it_was_the_second_time(
        self, make_study, objective
    ):
        driver = Driver(make_study(objective=objective))
        driver.propose(0)
        driver.take(events.trial_started(0, "node", 10, 1, 0))
        for epoch, accuracy in enumerate((0.5, 0.6, 0.99), 1):
            driver.measure(0, epoch, accuracy)
        driver.take(events.trial_started(0, "node", 10, 1, 2))
        driver.measure(0, 3, 0.75)
        driver.end(0, "COMPLETE")
        state, _, value, intermediate = told(driver.searcher)[0]
        expected = 0.75 if objective["mode"] == "max" else 0.25
        assert (state, value) == (TrialState.COMPLETE, expected)
        assert set(intermediate) == {1, 2, 3}


class TestGrid:
    """A grid has every point of it tried once, whatever came before and however often it died."""

    SPACE = {
        "dense_units": {"choices": [[], [64], [128]]},
        "unfrozen_depth": {"low": 0, "high": 4, "step": 4},
    }
    CELLS = {(units, depth) for units in ((), (64,), (128,)) for depth in (0, 4)}

    def study(self, make_study, recipes):
        return make_study(
            searcher="grid",
            space=self.SPACE,
            recipes=recipes,
            budget={"trials": len(self.CELLS) + len(recipes), "max_epochs": 2},
        )

    def run(self, driver, number):
        recipe, point = driver.propose(number)
        driver.measure(number, 1, 0.5)
        driver.end(number, "COMPLETE")
        return recipe, (point.dense_units, point.unfrozen_depth)

    @pytest.mark.parametrize("recipes", [{}, {"a": {}, "b": {}}], ids=["none", "two"])
    def test_all_of_it_is_tried_to_the_end(self, make_study, recipes):
        study = self.study(make_study, recipes)
        driver = Driver(study)
        tried = [self.run(driver, number) for number in range(study.budget.trials)]
        assert [recipe for recipe, _ in tried[: len(recipes)]] == list(recipes)
        assert sorted(cell for recipe, cell in tried if recipe is None) == sorted(self.CELLS)

    @pytest.mark.parametrize("recipes", [{}, {"a": {}, "b": {}}], ids=["none", "two"])
    def test_all_of_it_is_tried_by_drivers_that_die(self, make_study, recipes):
        study = self.study(make_study, recipes)
        ledger: list[events.Event] = []
        tried = []
        for number in range(study.budget.trials):
            driver = Driver(study)
            for event in ledger:
                driver.searcher.take(event)
            tried.append(self.run(driver, number))
            ledger += driver.events
        assert sorted(cell for recipe, cell in tried if recipe is None) == sorted(self.CELLS)

    def test_points_that_are_the_same_are_one(self, make_study):
        """Where nothing is thawed there is no batch norm to choose: three points, not four."""
        space = {
            "unfrozen_depth": {"choices": [0, 4]},
            "batch_norm": {"choices": ["frozen", "trained"]},
        }
        study = make_study(
            searcher="grid", space=space, recipes={}, budget={"trials": 3, "max_epochs": 2}
        )
        driver = Driver(study)
        assert len({driver.propose(number)[1] for number in range(3)}) == 3

    def test_there_are_no_more_trials_than_points(self, make_study):
        study = self.study(make_study, {})
        more = study.to_dict() | {"budget": {"trials": len(self.CELLS) + 1, "max_epochs": 2}}
        _, problems = parse_study(more)
        assert len(problems) == 1
        assert f"{len(self.CELLS)} points" in problems[0].text


@pytest.mark.parametrize("searcher", ["tpe", "random"])
def test_every_searcher_proposes_the_same_from_the_same_seed(make_study, searcher):
    def points(seed):
        driver = Driver(make_study(searcher=searcher, seed=seed))
        return [driver.propose(number)[1] for number in range(5)]

    assert points(1) == points(1)
    assert points(1)[2:] != points(2)[2:]
