"""Ablation and uneven classes: their studies, their data and their arithmetic, without training."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import sem

from spaces.studies.study_file import load_study
from tests.benchmarks import ours
from tests.benchmarks.questions.ablation import (
    SETTINGS,
    SPLITS,
    peak,
    seconds_an_epoch,
    study,
    write,
)
from tests.benchmarks.questions.ablation_table import Row, gained, markdown
from tests.benchmarks.questions.ingredients import HALF, INGREDIENTS, WHOLE
from tests.benchmarks.questions.uneven import OBJECTIVES, counts, difference, study_of, write_uneven


@pytest.mark.parametrize("dataset", SETTINGS)
@pytest.mark.parametrize("group", [WHOLE, HALF])
def test_each_ingredient_is_a_recipe_that_differs_from_the_first_one(
    tmp_path: Path, dataset: str, group: str
) -> None:
    listed = [one for one in INGREDIENTS if one.group == group]
    values = study(SETTINGS[dataset], tmp_path, 3, listed)
    read = load_study(ours.write_study(tmp_path, values))
    points = read.recipe_points
    assert list(points) == [one.name for one in listed]
    assert len(set(points.values())) == len(points)
    assert read.dataset.seed == SPLITS + 3
    assert read.budget.grace_period == read.budget.max_epochs == SETTINGS[dataset].epochs


def test_gains_are_paired_by_seed() -> None:
    first, second = [0.8, 0.82, 0.79], [0.81, 0.84, 0.79]
    rows = [Row("recipe", seed, value, 10.0, None) for seed, value in enumerate(first)]
    rows += [Row("mixup", seed, value, 12.0, None) for seed, value in enumerate(second)]
    rows += [Row("mixup", 9, 0.1, 12.0, None)]  # no recipe to compare it with
    differences = 100 * (np.array(second) - first)
    expected = f"{differences.mean():+.2f} ± {sem(differences):.2f}"
    assert gained(rows, "mixup", "recipe") == expected


def test_results_are_merged_and_have_a_table(tmp_path: Path) -> None:
    path = tmp_path / "ablation.json"
    write(path, SETTINGS["elpv"], [Row("recipe", 0, 0.8, 10.0, 900.0)])
    write(path, SETTINGS["elpv"], [Row("mixup", 0, 0.9, 15.0, None)])
    assert [row["ingredient"] for row in json.loads(path.read_text())["rows"]] == [
        "recipe",
        "mixup",
    ]
    table = markdown(json.loads(path.read_text()))
    assert table == path.with_suffix(".md").read_text()
    assert "| **recipe** | 1 | 80.00 % |  | 1.00 | 900 |" in table
    assert "| `mixup` | 1 | 90.00 % | +10.00 | 1.50 | – |" in table
    write(path, SETTINGS["elpv"].smaller(500, 64, 3), [Row("recipe", 0, 0.7, 10.0, None)])
    assert len(json.loads(path.read_text())["rows"]) == 1, "of another setting"


def test_the_peak_is_of_the_training_s_own_time() -> None:
    memory = {7: [(0.0, 100.0), (5.0, 300.0), (11.0, 900.0)], 8: [(6.0, 350.0)]}
    assert peak(memory, 1.0, 10.0) == 350.0
    assert peak(memory, 20.0, 30.0) is None


def test_an_epoch_s_seconds_are_without_those_that_build_graphs() -> None:
    spent = {7: [(0.0, 1.0), (2.0, 9.0), (4.0, 11.0), (6.0, 13.0)], 8: [(3.0, 0.1), (5.0, 0.2)]}
    assert seconds_an_epoch(spent, [1.0, 2.0, 4.0, 6.0]) == 2.0
    assert seconds_an_epoch(spent, [1.0, 2.0]) is None
    assert seconds_an_epoch({}, [1.0, 2.0, 4.0]) is None


def test_classes_are_uneven_and_no_image_is_in_both_lists(tmp_path: Path) -> None:
    data = write_uneven(tmp_path / "digits", 1)
    train, test = ((data / f"{name}.txt").read_text().split() for name in ("train", "test"))
    assert not set(train) & set(test)
    assert len(train) + len(test) == 1797
    found = [sum(line.startswith(f"{label}/") for line in train) for label in range(10)]
    assert found == counts(1)
    assert (min(found), max(found)) == (5, 150)
    assert counts(1) != counts(2)
    read = load_study(ours.write_study(tmp_path, study_of(data, OBJECTIVES[1], 1)))
    assert read.objective.metric == OBJECTIVES[1]


def test_the_gain_of_an_objective_is_the_mean_over_seeds() -> None:
    pairs = [(0.80, 0.85), (0.90, 0.91), (0.70, 0.76)]
    found = [
        {name: {"balanced_accuracy": value} for name, value in zip(OBJECTIVES, pair, strict=True)}
        for pair in pairs
    ]
    mean, error = difference(found)
    assert mean == pytest.approx(4.0)
    assert error == pytest.approx(sem([5.0, 1.0, 6.0]))
    assert math.isnan(difference(found[:1])[1])
