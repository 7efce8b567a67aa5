"""The reference of benchmark B: a large random search, whose best sets the target.

python -m tests.benchmarks.reference        writes reference.json anew (some minutes)
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

from tests.benchmarks.arm import run_opponent
from tests.benchmarks.configurations import drawn
from tests.benchmarks.opponents.task import Task

FILE = Path(__file__).with_name("reference.json")
COUNT, EPOCHS, SEED = 1000, 20, 77
SHARE = 0.99
"""Of the best accuracy: the target."""


def target_accuracy() -> float:
    """What a search in B has to reach on the validation images."""
    return float(json.loads(FILE.read_text())["target"])


def measure(folder: Path, count: int, epochs: int) -> dict[str, Any]:
    """Train random configurations on cached features, and keep the best."""
    task = Task("many_heads", folder, tuple(drawn(count, SEED)), epochs)
    run_opponent(task)
    best = max(task.lines(), key=lambda line: line["val_accuracy"])
    reached = {line["trial"] for line in task.lines() if line["val_accuracy"] >= _target(best)}
    return {
        "command": "python -m tests.benchmarks.reference",
        "configurations": count,
        "epochs": epochs,
        "seed": SEED,
        "best": {key: value for key, value in best.items() if key not in ("time", "trial")},
        "target": _target(best),
        "configurations_that_reach_it": len(reached),
    }


def _target(best: dict[str, Any]) -> float:
    return round(SHARE * float(best["val_accuracy"]), 5)


def main() -> None:
    """Measure, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=COUNT)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        found = measure(Path(folder), given.trials, given.epochs)
    FILE.write_text(json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
