"""The networks of the reports come out with the parameters that the reports give."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from search.studies.describe import describe_study, render
from spaces.studies.study_file import find_study, load_study, study_names

# Total and trained parameters, of phase one where there are two; None where no report gives it.
REPORTED = {
    ("household", "model_a"): (4_807_368, 1_578_504),
    ("household", "model_b2"): (None, 2_927_052),
    ("caltech101", "alexnet_baseline"): (57_417_637, 57_417_637),
    ("caltech101", "alexnet_transfer"): (57_417_637, 57_417_637),
    ("cifar10", "cnn"): (1_716_258, 1_716_258),
    ("cifar10", "vgg16_block3"): (None, 274_330),
    ("imagenette", "mobilenetv2_two_phase"): (2_340_618, 82_634),
    ("flowers", "base"): (15_043_653, 328_965),
}
RECIPES = [
    (study, recipe)
    for study in study_names()
    for recipe in load_study(find_study(study)).recipe_points
]


@pytest.mark.parametrize(("study", "recipe"), REPORTED)
def test_parameters_are_those_of_the_report(study: str, recipe: str) -> None:
    described = describe_study(study, recipe)
    total, trained = REPORTED[study, recipe]
    assert described["trainable_params"] == trained
    assert total in (None, described["total_params"])


@pytest.mark.parametrize(("study", "recipe"), RECIPES)
def test_every_recipe_can_be_described_without_its_data(study: str, recipe: str) -> None:
    described = describe_study(study, recipe)
    assert described["recipe"] == recipe
    assert 0 < described["trainable_params"] <= described["total_params"]
    assert described["boundary"]


def test_frozen_convolutions_and_frozen_dense_layers_share_out_alexnet() -> None:
    dense = describe_study("caltech101", "alexnet_fc_only")["trainable_params"]
    convolutions = describe_study("caltech101", "alexnet_conv_only")["trainable_params"]
    assert dense + convolutions == 57_417_637


def test_a_study_has_a_plan_and_a_recipe_has_none() -> None:
    study = find_study("digits")
    plan = describe_study(str(study), None)["plan"]
    assert plan["images"] == 1437
    kept = {depth: row["shape"] for row in plan["rows"] if row["kept"] for depth in row["depths"]}
    assert tuple(kept["head"]) == (1280,)
    assert "plan" not in describe_study(str(study), "linear_probe")


def test_without_data_the_plan_says_that_sizes_are_not_known() -> None:
    described = describe_study("flowers", None)
    assert described["plan"]["images"] is None
    console = Console(width=200, record=True, file=io.StringIO())
    console.print(render(described))
    said = " ".join(console.export_text().split())
    assert "number of images unknown" in said
    assert "augmented images are new in each epoch" in said
