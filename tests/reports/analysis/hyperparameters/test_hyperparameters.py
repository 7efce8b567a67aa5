"""Tests for what is drawn of several hyperparameters together, as numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest

from reports.analysis.hyperparameters.axes import axis
from reports.analysis.hyperparameters.depth_grid import depth_grids
from reports.analysis.hyperparameters.parallel import parallel
from reports.analysis.hyperparameters.slices import losses_by_learning_rate
from reports.data.run_data import read_run
from spaces.parameters import Categorical


@pytest.fixture
def parameters(read):
    """The search space by name."""
    return {p.name: [p] for p in read("complete").study.search_space.parameters}


def test_a_logarithmic_axis_runs_over_the_whole_range(parameters) -> None:
    found = axis("learning_rate", parameters["learning_rate"], [1e-4, 3e-2, None, 1e-3])
    assert found.places[:3] == (pytest.approx(0), pytest.approx(1), None)
    assert found.places[3] == pytest.approx(math.log(10) / math.log(300))
    assert [text for _, text in found.ticks] == ["0.0001", "0.001", "0.01", "0.03"]


def test_choices_lie_at_equal_distances_with_those_of_recipes_last(parameters) -> None:
    found = axis("decay", parameters["decay"], ["cosine", "step", None])
    assert [text for _, text in found.ticks] == ["none", "cosine", "exponential", "step"]
    assert found.places == (0.375, 0.875, None)
    assert isinstance(parameters["decay"][0], Categorical)


def test_one_value_lies_in_the_middle() -> None:
    assert axis("epochs", [], [9, 9]).places == (0.5, 0.5)


def test_parallel_lines_are_ranked_worst_first(read) -> None:
    data = read("complete")
    found = parallel(data)
    assert [a.name for a in found.axes] == [*data.searched, "val_accuracy"]
    assert found.ranks[0] == 0
    assert found.ranks[-1] == 1
    assert found.trials[-1] == data.winner.number
    assert list(found.axes[-1].places) == sorted(found.axes[-1].places)
    places = [p for a in found.axes for p in a.places if p is not None]
    assert min(places) >= 0
    assert max(places) <= 1
    assert found.axes[-1].ticks[-1][1] <= "99.9"


def test_the_smallest_loss_is_best_where_it_counts(read) -> None:
    data = read("minimising")
    assert parallel(data).trials[-1] == data.winner.number


@pytest.mark.parametrize("name", ["empty", "nothing_finished", "all_failed", "one_trial"])
def test_nothing_to_lay_side_by_side(read, name) -> None:
    assert parallel(read(name)) is None
    assert depth_grids(read(name)) == []


def test_a_cell_has_the_best_of_its_trials_and_their_number(read) -> None:
    data = read("complete")
    [grid] = depth_grids(data)
    assert grid.rate == "learning_rate"
    assert grid.trials.sum() == sum(t.state != "FAIL" for t in data.trials)
    np.testing.assert_array_equal(np.isnan(grid.best), grid.trials == 0)
    assert np.nanmax(grid.best) == data.winner.best(data.objective).val_accuracy
    assert grid.depths[0][1] > grid.depths[-1][0], "the deepest first"
    assert len(grid.depths) <= 7
    assert list(grid.edges) == sorted(grid.edges)


def test_losses_are_the_lowest_of_each_trial(make_run) -> None:
    maker = make_run()
    trial, _ = maker.propose()
    for epoch, loss in enumerate((0.9, 0.2, 0.6), start=1):
        maker.measure(trial, epoch, 0.5 + epoch / 10, loss)
    [found] = losses_by_learning_rate(read_run(maker.close()))
    assert (found.name, found.y, found.is_log) == ("learning_rate", (0.2,), True)
