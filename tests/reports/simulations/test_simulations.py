"""The claims of docs/statistics.md: its table is the code's, and the key rows hold in little."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from tests.reports.simulations import page, pairs, scores
from tests.reports.simulations.page import PAGE
from tests.reports.simulations.rows import LIMITS
from tests.reports.simulations.runs import World, simulate


@pytest.fixture(scope="module")
def published() -> list[list[str]]:
    """Cells of the table's rows."""
    _, _, table = PAGE.read_text(encoding="utf-8").partition("<!-- table -->\n")
    lines = table.splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_published_rows_are_those_of_the_code(published) -> None:
    """Drawn twice each, which gives every row its name, though not its rate."""
    names = [row.name for row in page.all_rows(scale=0.001)]
    assert len(names) > 60
    assert max(Counter(names).values()) == 1
    assert [tuple(cells[:4]) for cells in published] == names


def test_every_published_rate_is_within_its_bound(published) -> None:
    for cells in published:
        low, high = LIMITS[cells[3]]
        rate = float(re.fullmatch(r"([\d.]+) %", cells[4]).group(1)) / 100
        assert low <= rate <= high, cells
    beat = [cells for cells in published if cells[0].startswith("beat") and "5 %" in cells[3]]
    assert len(beat) >= 5


def test_true_accuracies_are_what_the_world_says() -> None:
    world = World(accuracy=(0.95, 0.8), classes=(0.75, 0.25), difference=0.02, trials=3, test=4000)
    drawn = list(simulate(world, 20))
    assert np.mean([one.tested for one in drawn]) == pytest.approx(
        0.75 * 0.97 + 0.25 * 0.82, abs=3e-3
    )
    differences = [pair.difference for one in drawn for pair in one.pairs]
    assert np.mean(differences) == pytest.approx(0.02, abs=2e-3)


def test_without_a_difference_beat_is_said_at_most_as_often_as_allowed() -> None:
    drawn = list(simulate(World(trials=20), 100))
    outcomes = [pair.outcome() for one in drawn for pair in one.pairs]
    rate = np.mean([outcome in ("better", "worse") for outcome in outcomes])
    assert rate <= 0.05 + 3 * (0.05 * 0.95 / len(outcomes)) ** 0.5
    covered = np.mean([pair.interval.contains(0) for one in drawn for pair in one.pairs])
    assert covered == 1 - rate, "verdict and interval are one"


def test_the_best_validation_result_is_too_good_and_new_seeds_are_less_so() -> None:
    drawn = list(simulate(World(trials=100), 40))
    assert np.mean([one.incumbent for one in drawn]) > 0.965, "of a true accuracy of 95 %"
    assert 0.95 < np.mean([one.chosen for one in drawn]) < np.mean([o.incumbent for o in drawn])


def test_by_another_metric_verdicts_and_intervals_are_as_right(monkeypatch) -> None:
    """In little: rare classes, no difference and a large one, by each metric, of 1 and 3 seeds."""
    setting = "360 images, 4 uneven classes"
    monkeypatch.setattr(pairs, "SETS", {setting: pairs.SETS[setting]})
    rows = list(pairs.pair_rows(scale=0.03))
    assert len(rows) == 8 * (2 + 3 + 1)
    assert [row for row in rows if not row.holds(errors=3)] == []
    found = [row for row in rows if "beat," in row.claim and row.bound == "as it comes"]
    assert min(row.rate for row in found) > 0.05


def test_simulated_predictions_are_probabilities() -> None:
    label = np.repeat(np.arange(3), 50)
    found = scores.predictions(label, [0.9, 0.8, 0.7], np.random.default_rng(0))
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
    assert (found.probabilities >= 0).all()
    assert found.scores.log_losses.max() < 25


@pytest.mark.simulation
@pytest.mark.timeout(3600)
def test_every_row_holds() -> None:
    """At the scale of the published table; three Monte Carlo errors are allowed."""
    rows = page.all_rows()
    assert [row for row in rows if not row.holds(errors=3)] == []
