"""What Optuna learns from failures, and from points that were tried before."""

from __future__ import annotations

import math

import pytest
from optuna.trial import TrialState

from tests.search.strategy.searching import Driver


class TestFailures:
    """Simulated: learning rates above a threshold diverge, and all others are about as good."""

    TRIALS, WORKERS, SEEDS = 60, 4, 12

    @pytest.mark.parametrize("reason", ["non_finite", "out_of_memory", "error"])
    def test_what_failed_by_its_own_fault_is_infeasible_to_optuna(self, make_study, reason):
        driver = Driver(make_study())
        driver.propose(0)
        driver.measure(0, 1, 0.5)
        driver.end(0, "FAIL", reason)
        [trial] = driver.searcher._optuna.get_trials(deepcopy=False)
        assert trial.state == TrialState.PRUNED
        assert max(trial.constraints.values()) > 0

    @pytest.mark.parametrize("reason", ["worker_lost", "data"])
    def test_what_was_lost_teaches_it_nothing(self, make_study, reason):
        driver = Driver(make_study())
        driver.propose(0)
        driver.end(0, "FAIL", reason)
        [trial] = driver.searcher._optuna.get_trials(deepcopy=False)
        assert trial.state == TrialState.FAIL

    def test_a_region_that_diverges_is_left(self, make_study):
        space = {
            "learning_rate": {"low": 1e-5, "high": 1.0, "log": True},
            "dropout": {"low": 0.0, "high": 0.5},
        }
        shares, before = [], []
        for seed in range(self.SEEDS):
            study = make_study(space=space, recipes={}, seed=seed)
            shares.append(self.share_of_diverging(study, "non_finite"))
            before.append(self.share_of_diverging(study, "data"))
        assert sum(shares) <= sum(before) / 2, "told as lost, as all failures once were"
        assert sum(shares) / self.SEEDS < 0.25

    def share_of_diverging(self, study, reason):
        """After the twentieth trial."""
        driver, running, diverged = Driver(study), [], []
        for number in range(self.TRIALS):
            running.append((number, driver.propose(number)[1]))
            if len(running) < self.WORKERS:
                continue
            ended, point = running.pop(0)
            diverges = point.learning_rate > 3e-3
            if not diverges:
                distance = math.log10(point.learning_rate / 1e-3)
                driver.measure(ended, 1, 0.999 - 0.02 * distance**2 - 0.01 * point.dropout)
            driver.end(ended, "FAIL" if diverges else "COMPLETE", reason if diverges else "done")
            diverged += [diverges] if ended >= 20 else []
        return sum(diverged) / len(diverged)


class TestSmallSpaces:
    def test_no_point_is_tried_twice_while_there_are_others(self, make_study):
        driver = Driver(make_study(space={"unfrozen_depth": {"low": 0, "high": 11}}, recipes={}))
        points = []
        for number in range(8):
            points.append(driver.propose(number)[1])
            driver.measure(number, 1, 0.5 + 0.01 * points[-1].unfrozen_depth)
            driver.end(number, "COMPLETE")
        assert len(set(points)) == 8

    def test_then_points_are_tried_again(self, make_study):
        driver = Driver(make_study(space={"unfrozen_depth": {"choices": [0, 1]}}, recipes={}))
        for number in range(4):
            driver.propose(number)
            driver.measure(number, 1, 0.5)
            driver.end(number, "COMPLETE")
        _, point = driver.propose(4)
        assert driver.searcher.has_tried(point)
