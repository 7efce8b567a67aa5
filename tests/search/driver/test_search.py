"""The whole path on this machine: search, fine-tune, evaluate, report, with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import yaml

from search.records.history import History
from search.records.ledger import read_ledger
from search.records.run import Run

pytestmark = [pytest.mark.ray, pytest.mark.timeout(600)]

STUDY = {
    "dataset": {"format": "digits"},
    "base": {"image_size": 32, "head_epochs": 1},
    "space": {
        "unfrozen_depth": {"low": 0, "high": 4},
        "learning_rate": {"low": 1e-3, "high": 1e-2, "log": True},
        "dropout": {"low": 0, "high": 0.3},
    },
    "recipes": {"linear_probe": {"learning_rate": 5e-3}},
    "budget": {"trials": 6, "max_epochs": 4, "grace_period": 2, "reduction_factor": 2},
    "resources": {"concurrent": 1},
    "finalists": {"count": 0},
}


def thawtune(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "search", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def write_study(folder: Path, **changes: object) -> Path:
    path = folder / "tiny.yaml"
    path.write_text(yaml.safe_dump(STUDY | changes))
    return path


def history_of(folder: Path) -> History:
    return History.of(read_ledger(Run(folder).ledger))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was searched, fine-tuned, evaluated and reported by the command line."""
    folder = tmp_path_factory.mktemp("finished")
    run = folder / "run"
    result = thawtune("search", write_study(folder), "--run", run)
    assert result.returncode == 0, result.stderr
    assert "0 INTERRUPTED" in result.stdout
    for command in ("finetune", "evaluate", "report"):
        result = thawtune(command, run)
        assert result.returncode == 0, result.stderr
        assert result.stderr == ""
    return run


def test_every_trial_ends_in_a_true_state(finished: Path) -> None:
    trials = pd.read_parquet(finished / "trials.parquet")
    epochs = pd.read_parquet(finished / "epochs.parquet")
    assert len(trials) == 6
    assert set(trials.state) == {"COMPLETE", "PRUNED"}
    pruned = trials[trials.state == "PRUNED"]
    assert (pruned.epochs < 4).all()
    assert (trials[trials.state == "COMPLETE"].epochs == 4).all()
    counted = epochs.groupby("trial").epoch.agg(list)
    assert counted.to_dict() == {
        row.trial: list(range(1, row.epochs + 1)) for row in trials.itertuples()
    }


def test_the_recipe_comes_first_and_is_not_cut_short(finished: Path) -> None:
    first = history_of(finished).trials[0]
    assert (first.recipe, first.state, first.epochs) == ("linear_probe", "COMPLETE", 4)


def test_seconds_and_parameters_are_accounted_for(finished: Path) -> None:
    trials = pd.read_parquet(finished / "trials.parquet")
    assert (trials.seconds_train > 0).all()
    assert (trials.total_params >= 3_400_000).all()
    heads = trials[trials.unfrozen_depth == 0]
    assert (heads.trainable_params == 12_810).all()


def test_final_model_is_tested_once(finished: Path) -> None:
    test = json.loads((finished / "test.json").read_text())
    finetuned = json.loads((finished / "finetune.json").read_text())
    assert {m["role"] for m in test["models"]} == {"final", "winner", "recipe"}
    assert next(m for m in test["models"] if m["role"] == "final")["sha256"] == finetuned["sha256"]
    predictions = pd.read_parquet(finished / "predictions.parquet")
    final = predictions[predictions.model == "final"]
    assert len(final) == test["images"] == 360
    accuracy = (final.label == final.predicted).mean()
    assert accuracy == pytest.approx(test["models"][0]["accuracy"])
    again = thawtune("evaluate", finished)
    assert again.returncode == 0
    assert "was opened on" in again.stdout
    assert json.loads((finished / "test.json").read_text()) == test


def test_report_is_one_page_with_figures(finished: Path) -> None:
    page = (finished / "report" / "index.html").read_text()
    assert "linear_probe" in page
    assert (finished / "report" / "report.md").is_file()
    assert any((finished / "report" / "figures").glob("*.png"))


def test_a_run_that_is_there_is_refused_and_left_alone(finished: Path, tmp_path: Path) -> None:
    before = (finished / "ledger.jsonl").read_bytes()
    result = thawtune("search", write_study(tmp_path), "--run", finished)
    assert result.returncode == 2
    assert f"thawtune resume {finished}" in result.stderr
    assert (finished / "ledger.jsonl").read_bytes() == before


def test_resuming_with_another_space_shows_the_difference(finished: Path, tmp_path: Path) -> None:
    study = write_study(tmp_path, space=STUDY["space"] | {"dropout": {"low": 0, "high": 0.6}})
    result = thawtune("search", study, "--run", finished, "--resume")
    assert result.returncode == 4
    assert "-    high: 0.3" in result.stderr
    assert "+    high: 0.6" in result.stderr


def test_same_seed_and_one_worker_repeat_the_search(finished: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    assert thawtune("search", write_study(tmp_path), "--run", again).returncode == 0
    first, second = history_of(finished).trials, history_of(again).trials
    assert [t.point for t in first.values()] == [t.point for t in second.values()]
    for a, b in zip(first.values(), second.values(), strict=True):
        assert [(m.train_loss, m.val_loss, m.val_accuracy) for m in a.measurements] == [
            (m.train_loss, m.val_loss, m.val_accuracy) for m in b.measurements
        ]


def test_when_every_trial_fails_the_exit_code_says_so(tmp_path: Path) -> None:
    space = {"learning_rate": {"low": 1e37, "high": 1e38, "log": True}}
    study = write_study(
        tmp_path, space=space, recipes={}, base={"image_size": 32, "optimizer": "sgd"}
    )
    result = thawtune("search", study, "--run", tmp_path / "run", "--trials", "2")
    assert result.returncode == 3
    assert "Every one of 2 trials failed" in result.stderr
    trials = pd.read_parquet(tmp_path / "run" / "trials.parquet")
    assert list(trials.reason) == ["non_finite", "non_finite"]
