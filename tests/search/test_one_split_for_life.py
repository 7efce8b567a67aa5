"""A folder that changes between search and test: by the command line, with real processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from trainables.datasets.sets.recorded import RecordedSets

pytestmark = pytest.mark.ray

STUDY = """\
dataset:
  format: folders
  path: {photos}
base:
  backbone: none
  weights: none
  image_size: 16
  preprocessing: unit
  convolutions: [4]
  convolution_pooling: true
  batch_size: 32
space:
  learning_rate: {{low: 1e-3, high: 1e-2, log: true}}
recipes:
  plain: {{learning_rate: 3e-3}}
budget: {{trials: 2, max_epochs: 2}}
finalists: {{count: 1, seeds: 2}}
"""


def paint(path: Path, seed: int, light: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(seed).integers(0, 120, (20, 20, 3))
    Image.fromarray((noise + light).astype(np.uint8)).save(path)


def thawtune(*arguments: object, code: int = 0) -> str:
    """What a command prints; its exit code must be this one."""
    command = [sys.executable, "-m", "search", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=250)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "photos"
    for label, name in enumerate(("dark", "light")):
        for number in range(40):
            paint(folder / name / f"{number:02d}.png", 100 * label + number, 120 * label)
    return folder


@pytest.fixture(scope="module")
def run(photos, tmp_path_factory) -> Path:
    """A run whose folder has got one more photo of each class since its search."""
    study = photos.parent / "lights.yaml"
    study.write_text(STUDY.format(photos=photos))
    folder = tmp_path_factory.mktemp("runs") / "lights"
    thawtune("search", study, "--run", folder)
    for label, name in enumerate(("dark", "light")):
        paint(photos / name / "00a.png", 1000 + label, 120 * label)
    return folder


@pytest.mark.timeout(600)
@pytest.mark.faults
def test_a_folder_that_changes(run, photos):
    sets = RecordedSets.from_parquet((run / "data.parquet").read_bytes())
    train, test = sets.keys[sets.positions("train")[0]], sets.keys[sets.positions("test")[0]]
    kept = {key: (photos / key).read_bytes() for key in (train, test)}

    (photos / train).unlink()
    assert f"of the run's images are missing: {train}" in thawtune("finetune", run, code=4)
    paint(photos / train, 7, 0)
    assert f"have changed since the run started: {train}" in thawtune("finetune", run, code=4)
    (photos / train).write_bytes(kept[train])
    assert not (run / "finetune.json").exists()

    said = thawtune("finetune", run)
    assert "2 images added since the run started are left out: dark/00a.png" in said
    trained = json.loads((run / "finetune.json").read_text())
    assert trained["images"] == len(sets.positions("train", "validation")) == 64

    paint(photos / test, 8, 0)
    assert f"have changed since the run started: {test}" in thawtune("evaluate", run, code=4)
    assert not (run / "opening.json").exists()
    assert "has no images" in thawtune("evaluate", run, "--data", photos / "dark", code=2)
    (photos / test).write_bytes(kept[test])
    assert "test set opened: 16 images" in thawtune("evaluate", run)
    tested = json.loads((run / "test.json").read_text())
    assert {m["role"] for m in tested["models"]} == {"final", "winner", "recipe"}
    assert all(m["weights_of"] != m["trial"] for m in tested["models"][1:]), "repeats are tested"

    thawtune("search", photos.parent / "lights.yaml", "--run", run, "--resume", "--trials", 3)
    again = RecordedSets.from_parquet((run / "data.parquet").read_bytes())
    assert again.digest == sets.digest
    assert "exported" in thawtune("export", run, "--format", "keras", "--force")
