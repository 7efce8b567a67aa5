"""What an opponent is to do, and what it says of it: two files beside each other."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.space import Configuration

IMAGE_SIZE = 96
CLASSES = 10


@dataclass(frozen=True)
class Task:
    """What one process of an opponent does.

    Attributes:
        opponent: Module in this package.
        folder: Where it works; what it says is in `epochs.jsonl` and `marks.json` there.
        configurations: To be trained, where the list is frozen.
        epochs: Of each, or at the most.
        trials: At the most, where the tool itself draws configurations.
        seed: Of the tool's sampler.
        depth: Weight layers of the backbone that are trained.
        options: What one opponent alone needs.
    """

    opponent: str
    folder: Path
    configurations: tuple[Configuration, ...] = ()
    epochs: int = 1
    trials: int = 0
    seed: int = 0
    depth: int = 0
    options: tuple[Any, ...] = ()

    @property
    def file(self) -> Path:
        """Where the task is written down."""
        return self.folder / "task.json"

    @property
    def log(self) -> Path:
        """A line for each epoch of each trial."""
        return self.folder / "epochs.jsonl"

    def write(self) -> Path:
        """Write the task down for `read`."""
        values = asdict(self) | {"folder": str(self.folder)}
        self.file.write_text(json.dumps(values))
        return self.file

    @classmethod
    def read(cls, path: Path) -> Task:
        """Read what `write` wrote."""
        values = json.loads(path.read_text())
        listed = tuple(Configuration.from_dict(c) for c in values.pop("configurations"))
        options = tuple(values.pop("options"))
        folder = Path(values.pop("folder"))
        return cls(folder=folder, configurations=listed, options=options, **values)

    def mark(self, **values: Any) -> None:
        """Say something of the whole run, such as when the trials began."""
        path = self.folder / "marks.json"
        path.write_text(json.dumps(self.marks() | values))

    def marks(self) -> dict[str, Any]:
        """What has been said of the run."""
        path = self.folder / "marks.json"
        return json.loads(path.read_text()) if path.is_file() else {}

    def lines(self) -> list[dict[str, Any]]:
        """The epochs that are done, in the order in which they were."""
        return read_lines(self.log)


def log_epoch(
    path: Path, trial: int | str, epoch: int, accuracy: float, configuration: Configuration
) -> None:
    """Append a line on an epoch, with the time; processes may do so at once.

    Args:
        path: `Task.log`.
        trial: Its number, or the name that its tool gives it.
        epoch: From 1.
        accuracy: Of the validation set.
        configuration: What is trained.
    """
    line = {
        "time": time.time(),
        "trial": trial,
        "epoch": epoch,
        "val_accuracy": float(accuracy),
        **configuration.to_dict(),
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Whole lines of JSON; none where the file is not there yet."""
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def last_accuracies(lines: Sequence[dict[str, Any]]) -> dict[int, float]:
    """Validation accuracy of each trial after its last epoch."""
    ordered = sorted(lines, key=lambda line: line["epoch"])
    return {line["trial"]: line["val_accuracy"] for line in ordered}
