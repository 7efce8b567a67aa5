"""The model card says what the run's files say, and no more."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from PIL import Image

from search.final_model.model_card import write_card
from search.records.run import Run, write_json
from spaces.errors import RunStateError
from tests.search.final_runs import CLASSES, final_run

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
"""Keras 3.15 saves through what NumPy 2.4 deprecates."""


@pytest.fixture(scope="module")
def run(tmp_path_factory, make_study) -> Run:
    dataset = {"format": "folders", "path": "/home/someone/photos", "name": "numbers"}
    return final_run(tmp_path_factory.mktemp("card") / "run", make_study(dataset=dataset))


def write_test(run: Run, sha256: str) -> None:
    final = {"name": "final", "role": "final", "trial": 0, "sha256": sha256}
    scores = {"accuracy": 0.9125, "accuracy_interval": [0.88, 0.94], "loss": 0.25}
    models = [final | scores]
    write_json(run.test, {"opened": 1.7e9, "images": 360, "classes": CLASSES, "models": models})


def test_before_the_test(run):
    run.test.unlink(missing_ok=True)
    path = write_card(run)
    card = path.read_text(encoding="utf-8")
    assert path == run.model / "README.md"
    for text in (
        "A convolutional network trained from scratch",
        "16×16 pixels",
        "| number 0 | 100 | 30 | 36 |",
        r"| nine \| \*neuf\* | 20 | 30 | 36 |",
        "| all | 920 | 300 | 360 |",
        "1437 in all, for 3 epochs",
        "the recipe probe",
        "in a search of 1 trial of up to",
        r"| learning\_rate | 0.001 |",
        "val_accuracy 0.8750",
        "The test set is still sealed",
        r"20 training images of nine \| \*neuf\*, 100 of number 0",
        "| thawtune | 0.1.0 |",
        run.read_json(run.finetune)["sha256"],
    ):
        assert text in card
    assert "/home/someone" not in card
    assert "momentum" not in card


def test_after_the_test(run):
    write_test(run, run.read_json(run.finetune)["sha256"])
    card = write_card(run).read_text(encoding="utf-8")
    assert re.search(r"360 images .* was opened on 2023-11-1\d", card)
    assert "| accuracy | 0.9125 |" in card
    assert r"| accuracy interval | 0.8800 to 0.9400 |" in card


def test_a_test_of_another_model_is_not_this_ones(run):
    write_test(run, "0" * 64)
    card = write_card(run).read_text(encoding="utf-8")
    assert "for another model (SHA-256 000000000000…)" in card
    assert "0.9125" not in card


def test_the_code_on_the_card_runs(run):
    Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(run.model / "photo.jpg")
    [code] = re.findall(r"```python\n(.*?)```", write_card(run).read_text("utf-8"), re.DOTALL)
    said = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=run.model,
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stderr
    assert any(said.stdout.splitlines()[-1].startswith(name) for name in CLASSES)


def test_no_card_without_a_model(run, tmp_path):
    import shutil

    unfinished = Run(shutil.copytree(run.folder, tmp_path / "run"))
    unfinished.finetune.unlink()
    with pytest.raises(RunStateError, match="no final model yet"):
        write_card(unfinished)
