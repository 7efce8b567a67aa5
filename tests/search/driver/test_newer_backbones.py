"""Real searches over the boundary of a Vision Transformer, and over a .keras file in 16 bits."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import yaml
from safetensors.numpy import save_file

from search.records.history import History
from search.records.ledger import read_ledger
from search.records.run import Run
from tests.golden import seeded_states

pytestmark = [
    pytest.mark.ray,
    pytest.mark.backbones,
    pytest.mark.timeout(1200),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
]


def thawtune(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "search", *map(str, arguments)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def searched(folder: Path, **study: object) -> History:
    path, run = folder / "study.yaml", folder / "run"
    path.write_text(yaml.safe_dump({"dataset": {"format": "digits"}} | study))
    thawtune("search", path, "--run", run)
    return History.of(read_ledger(Run(run).ledger))


def test_the_boundary_of_a_vision_transformer_on_the_digits(tmp_path):
    save_file(seeded_states.vits16_state(), tmp_path / "vits16.safetensors")
    history = searched(
        tmp_path,
        base={
            "backbone": "ViTS16",
            "weights": str(tmp_path / "vits16.safetensors"),
            "image_size": 32,
            "optimizer": "adamw",
        },
        space={
            "unfrozen_depth": {"choices": [0, 4, 8]},
            "learning_rate": {"low": 3e-4, "high": 1e-3, "log": True},
        },
        recipes={f"depth_{d}": {"unfrozen_depth": d, "learning_rate": 5e-4} for d in (0, 4, 8)},
        budget={"trials": 4, "max_epochs": 3, "grace_period": 3},
        finalists={"count": 0},
    )
    trials = history.trials.values()
    assert {trial.state for trial in trials} == {"COMPLETE"}
    # Four weight layers a block, and what is trained above the boundary grows with them.
    by_depth = {trial.point.unfrozen_depth: trial for trial in trials}
    sizes = [by_depth[depth].trainable_params for depth in (0, 4, 8)]
    assert sizes[0] == 3850
    assert sizes[2] - sizes[1] == 1_774_464  # one block
    assert history.misses == 3 * 1437  # each image once at each boundary
    scores = {d: t.measurements[-1].val_accuracy for d, t in by_depth.items()}
    print("accuracy by depth:", scores)
    assert min(scores.values()) > 0.5
    assert max(scores[4], scores[8]) > scores[0]


def test_a_keras_file_in_16_bits_from_search_to_export(tmp_path):
    keras.utils.set_random_seed(0)
    pixels = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1 / 255)(pixels)
    for number in range(3):
        x = keras.layers.Conv2D(16, 3, strides=2, activation="relu", name=f"conv{number}")(x)
    keras.Model(pixels, x).save(tmp_path / "my.keras")
    history = searched(
        tmp_path,
        base={"backbone": "my.keras", "image_size": 32},
        space={
            "unfrozen_depth": {"low": 0, "high": 3},
            "learning_rate": {"low": 3e-3, "high": 1e-2, "log": True},
        },
        recipes={"probe": {"learning_rate": 5e-3}},
        budget={"trials": 3, "max_epochs": 2},
        resources={"precision": "mixed_bfloat16"},
        finalists={"count": 0},
    )
    assert {trial.precision for trial in history.trials.values()} == {"mixed_bfloat16"}
    run = tmp_path / "run"
    for command in ("finetune", "evaluate", "report"):
        thawtune(command, run)
    assert "mixed_bfloat16" in (run / "report" / "report.md").read_text()
    model = keras.models.load_model(run / "model" / "model.keras", safe_mode=True)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    thawtune("export", run, "--format", "onnx")  # compares the outputs itself
    assert np.isfinite(json.loads((run / "test.json").read_text())["models"][0]["accuracy"])
