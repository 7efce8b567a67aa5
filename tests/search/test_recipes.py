"""Every recipe of the reports trains, end to end, on a small dataset in its own format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from spaces.studies.study_file import find_study, load_study
from tests.trainables.datasets.dataset_formats import (
    _cifar_binary,
    _folders,
    _lists,
    _split_folders,
)

pytestmark = [pytest.mark.recipes, pytest.mark.timeout(300)]

FORMATS = {
    "flowers": _folders,
    "household": _folders,
    "caltech101": _lists,
    "cifar10": _cifar_binary,
    "imagenette": _split_folders,
}
RECIPES = [
    (study, recipe) for study in FORMATS for recipe in load_study(find_study(study)).recipe_points
]


def test_all_recipes_of_the_reports_are_here() -> None:
    assert len(RECIPES) == 25


@pytest.mark.parametrize(("study", "recipe"), RECIPES)
def test_recipe_trains_end_to_end(study: str, recipe: str, tmp_path: Path) -> None:
    section, _ = FORMATS[study](tmp_path / "data")
    point = load_study(find_study(study)).recipe_points[recipe].to_dict()
    given = {name: value for name, value in point.items() if value is not None}
    # Random weights, one epoch of each phase, and small images where the network takes them.
    epochs = given.get("head_epochs", 0) + 1
    size = 224 if given["backbone"] == "AlexNet" else min(given["image_size"], 64)
    given |= {"weights": "none", "epochs": epochs, "batch_size": 4, "image_size": size}
    if epochs > 1:
        given["head_epochs"], epochs = 1, 2
        given["epochs"] = epochs
    del given["dropout"]
    path = tmp_path / f"{study}.yaml"
    path.write_text(
        yaml.safe_dump(
            {
                "dataset": section,
                "base": given,
                "space": {"dropout": {"low": 0, "high": 0.9}},
                "recipes": {recipe: {"dropout": point["dropout"], "epochs": epochs}},
                "budget": {"trials": 1, "max_epochs": epochs},
            }
        )
    )
    command = [sys.executable, "-m", "search", "search", str(path), "--run", str(tmp_path / "run")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    trial = pd.read_parquet(tmp_path / "run" / "trials.parquet").iloc[0]
    assert (trial.recipe, trial.state, trial.epochs) == (recipe, "COMPLETE", epochs)
    assert trial.metric >= 0
