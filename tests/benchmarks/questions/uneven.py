"""Uneven classes: what an objective is worth: `python -m tests.benchmarks.questions.uneven`.

The digits with classes of 5 to 150 images for training and validation, which class has how many by
the seed, and all others for testing. One search of each seed judges its trials by accuracy, the
other by balanced accuracy; both have the same space and as many trials. What is compared is the
balanced accuracy of the final model on the test images.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import balanced_accuracy_score

from tests.benchmarks.ours import write_study
from tests.benchmarks.process import run_measured
from tests.benchmarks.results import FOLDER, about

OBJECTIVES = ("val_accuracy", "val_balanced_accuracy")
FEWEST, MOST = 5, 150
TRIALS, EPOCHS = 24, 12

Scores = dict[str, dict[str, float]]
"""Accuracy and balanced accuracy by objective."""


def main() -> None:
    """Search with each objective and each seed, and write the results and their table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.questions.uneven")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(5)))
    parser.add_argument("--output", type=Path, default=FOLDER, help="folder of the results")
    given = parser.parse_args()
    path = given.output / "uneven.json"
    found = json.loads(path.read_text())["seeds"] if path.is_file() else {}
    for seed in given.seeds:
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
            found[str(seed)] = measured(Path(folder), seed)
        print(seed, found[str(seed)], flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"seeds": found} | about(), indent=1) + "\n")
    path.with_suffix(".md").write_text(text := markdown(found))
    print(text)


def measured(folder: Path, seed: int) -> Scores:
    """The scores of the final models of both searches of a seed."""
    data = write_uneven(folder / "digits", seed)
    found = {}
    for objective in OBJECTIVES:
        study, run = write_study(folder, study_of(data, objective, seed)), folder / objective
        command = [sys.executable, "-m", "search", "fit", str(study), "--run", str(run)]
        run_measured(command, folder)
        found[objective] = scores(run)
    return found


def counts(seed: int) -> list[int]:
    """Images of each class for training and validation, from 5 to 150 in even ratios."""
    sizes = np.geomspace(FEWEST, MOST, 10).round().astype(int)
    return [int(size) for size in np.random.default_rng(seed).permutation(sizes)]


def write_uneven(folder: Path, seed: int) -> Path:
    """Write the images in class folders, with the lists train.txt and test.txt beside them."""
    digits, chance = load_digits(), np.random.default_rng(seed)
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for label, count in enumerate(counts(seed)):
        (folder / str(label)).mkdir(parents=True)
        for place, index in enumerate(chance.permutation(np.flatnonzero(digits.target == label))):
            name = f"{label}/{index}.png"
            pixels = (digits.images[index] * 255 / 16).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name)
            lists["train" if place < count else "test"].append(name)
    for name, lines in lists.items():
        (folder / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return folder


def study_of(data: Path, objective: str, seed: int) -> dict[str, Any]:
    """A search over heads and over what helps rare classes."""
    return {
        "name": "uneven",
        "dataset": {"format": "lists", "path": str(data), "validation": 0.3, "seed": seed},
        "objective": {"metric": objective},
        "base": {
            "backbone": "EfficientNetLite0",
            "image_size": 64,
            "batch_size": 16,
            "decay": "cosine",
        },
        "space": {
            "learning_rate": {"low": 3e-4, "high": 3e-2, "log": True},
            "dense_units": {"choices": [[], [64]]},
            "dropout": {"low": 0.0, "high": 0.5},
            "class_weights": {"choices": ["none", "balanced"]},
            "sampling": {"choices": ["none", "balanced"]},
            "logit_adjustment": {"when": {"sampling": "none"}, "low": 0.0, "high": 1.5},
        },
        "recipes": {},
        "budget": {"trials": TRIALS, "max_epochs": EPOCHS, "grace_period": 4},
        "resources": {"cpu": 1},
        "finalists": {"count": 0},
        "seed": seed,
    }


def scores(run: Path) -> dict[str, float]:
    """Accuracy and balanced accuracy of a run's final model on its test images."""
    rows = pq.read_table(next(run.rglob("predictions.parquet"))).to_pylist()
    final = [row for row in rows if row["model"] == "final"]
    labels, predicted = ([row[key] for row in final] for key in ("label", "predicted"))
    return {
        "accuracy": float(np.mean(np.equal(labels, predicted))),
        "balanced_accuracy": float(balanced_accuracy_score(labels, predicted)),
    }


def markdown(found: Mapping[str, Scores]) -> str:
    """The balanced accuracies by seed, their means, and the mean difference."""
    lines = ["| objective | " + " | ".join(f"seed {seed}" for seed in found) + " | mean |"]
    lines.append("|" + "---|" * (len(found) + 2))
    for objective in OBJECTIVES:
        values = [found[seed][objective]["balanced_accuracy"] for seed in found]
        cells = [f"{100 * value:.1f} %" for value in [*values, statistics.fmean(values)]]
        lines.append(f"| `{objective}` | " + " | ".join(cells) + " |")
    mean, error = difference(list(found.values()))
    return "\n".join(lines) + f"\n\nBalanced accuracy gains {mean:+.1f} ± {error:.1f} points.\n"


def difference(found: Sequence[Scores]) -> tuple[float, float]:
    """Mean over the seeds of what the second objective gains, in points, and its standard error."""
    first, second = OBJECTIVES
    gains = [
        100 * (one[second]["balanced_accuracy"] - one[first]["balanced_accuracy"]) for one in found
    ]
    spread = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
    return statistics.fmean(gains), spread


if __name__ == "__main__":
    main()
