"""thawtune as a user runs it: a study file, the command line, the run's own files."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.benchmarks.opponents.task import read_lines
from tests.benchmarks.process import Measured, run_measured
from tests.benchmarks.space import (
    BATCH_SIZES,
    DROPOUTS,
    LEARNING_RATES,
    UNITS,
    Configuration,
)

LAYERS_OF_BLOCKS = (0, 4, 7)
"""Weight layers of EfficientNet-Lite0 above the boundary where so many blocks are unfrozen: the
last convolution and the three of block 15, and then those of block 14."""


def study(configurations: Sequence[Configuration], epochs: int, **sections: Any) -> dict[str, Any]:
    """A study that trains each configuration to its end: recipes come first and are not stopped.

    Args:
        configurations: Inside `tests.benchmarks.space`.
        epochs: Of each.
        sections: Keys of a study to add or to put in place of these; `base` is added to.
    """
    base = {"backbone": "EfficientNetLite0", "image_size": 96} | sections.pop("base", {})
    return {
        "name": "benchmark",
        "dataset": {"format": "digits", "validation": 0.2, "test": 0.2},
        "base": base,
        "space": space(),
        "recipes": {f"c{n:03d}": _recipe(c) for n, c in enumerate(configurations)},
        "budget": {
            "trials": len(configurations),
            "max_epochs": epochs,
            "grace_period": epochs,
        },
        "resources": {"cpu": 1},
        "finalists": {"count": 0},
    } | sections


def space() -> dict[str, Any]:
    """The space as a study file writes it."""
    low, high = LEARNING_RATES
    return {
        "learning_rate": {"low": low / 10, "high": high, "log": True},
        "dropout": {"low": DROPOUTS[0], "high": DROPOUTS[1]},
        "dense_units": {"choices": [[units] if units else [] for units in UNITS]},
        "batch_size": {"choices": list(BATCH_SIZES)},
    }


def searched_space() -> dict[str, Any]:
    """The same with the learning rates that all tools search; lists may have slower ones."""
    low, high = LEARNING_RATES
    return space() | {"learning_rate": {"low": low, "high": high, "log": True}}


def _recipe(configuration: Configuration) -> dict[str, Any]:
    values = configuration.to_dict()
    units = values.pop("units")
    return values | {"dense_units": [units] if units else []}


@dataclass(frozen=True)
class Search:
    """One search of ours.

    Attributes:
        run: The run's folder.
        measured: What the process took.
    """

    run: Path
    measured: Measured

    def events(self, name: str) -> list[dict[str, Any]]:
        """Events of this name in the ledger, in their order."""
        return [e for e in read_lines(self.run / "ledger.jsonl") if e["event"] == name]

    def epochs(self) -> list[dict[str, Any]]:
        """Each epoch as opponents log it, with the seconds by kind that the ledger has."""
        points = {e["trial"]: e["hyperparameters"] for e in self.events("trial_proposed")}
        return [_line(e, points[e["trial"]]) for e in self.events("trial_measured")]

    def trial_seconds(self) -> dict[int, float]:
        """What each trial says that it took, all kinds together."""
        found: dict[int, float] = {}
        for line in self.epochs():
            found[line["trial"]] = found.get(line["trial"], 0.0) + sum(line["seconds"].values())
        return found

    def seconds_of(self, kind: str) -> float:
        """Seconds of one kind, of all trials."""
        return float(sum(line["seconds"].get(kind, 0.0) for line in self.epochs()))

    def refuse_failures(self, trials: int) -> None:
        """Raise if not every trial ended well.

        Raises:
            ValueError: With the first error.
        """
        ended = self.events("trial_ended")
        failed = [e for e in ended if e["state"] == "FAIL"]
        if failed or len(ended) != trials:
            error = failed[0]["error"] if failed else "none failed"
            raise ValueError(
                f"{len(ended)} of {trials} trials ended, {len(failed)} failed: {error}"
            )


def _line(event: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    measurement = event["measurement"]
    return {
        "time": event["time"],
        "trial": event["trial"],
        "epoch": measurement["epoch"],
        "val_accuracy": measurement["val_accuracy"],
        "seconds": measurement["seconds"],
        "learning_rate": point["learning_rate"],
        "dropout": point["dropout"],
        "units": (*point["dense_units"], 0)[0],
        "batch_size": point["batch_size"],
    }


def write_study(folder: Path, values: Mapping[str, Any]) -> Path:
    """Write a study file."""
    path = folder / "benchmark.yaml"
    path.write_text(yaml.safe_dump(dict(values), sort_keys=False))
    return path


def search(
    folder: Path,
    values: Mapping[str, Any],
    name: str = "run",
    environment: Mapping[str, str] | None = None,
    until: Callable[[Sequence[dict[str, Any]]], bool] | None = None,
) -> Search:
    """Search, with a feature store in `folder` that is cold unless this has been called before.

    Args:
        folder: Temporary.
        values: The study.
        name: Of the run's folder.
        environment: On top of this process's.
        until: Ask the search to end when this says so of its measurements.

    Raises:
        CommandFailedError: If the command line ends with an error.
    """
    path, run = write_study(folder, values), folder / name
    command = [sys.executable, "-m", "search", "search", str(path), "--run", str(run)]

    def ended() -> bool:
        return until is not None and until(_measured(run / "ledger.jsonl"))

    return Search(run, run_measured(command, folder, environment, ended))


def _measured(ledger: Path) -> list[dict[str, Any]]:
    return [e["measurement"] for e in read_lines(ledger) if e["event"] == "trial_measured"]
