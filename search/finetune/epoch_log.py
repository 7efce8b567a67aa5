"""The log of a fine-tuning: what its workers report, written on the driver's node."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ray.train import Checkpoint, UserCallback


class Log(UserCallback):
    """A callback of Ray Train's controller, on the driver's node: logs one line per event.

    Args:
        path: The file to append to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def after_report(
        self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Checkpoint | None
    ) -> None:
        """Log an epoch that all workers have finished, once its checkpoint exists."""
        self._append({"event": "epoch", "workers": metrics})

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """Log workers that were lost or failed, by their ranks."""
        lost = {str(rank): in_a_line(error) for rank, error in worker_exceptions.items()}
        self._append({"event": "lost", "workers": lost})

    def _append(self, event: dict[str, Any]) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(event | {"time": time.time()}) + "\n")


@dataclass(frozen=True)
class Told:
    """The content of a log.

    Attributes:
        events: In order; an incomplete last line is left out.
    """

    events: tuple[dict[str, Any], ...]

    @classmethod
    def read(cls, path: Path) -> Told:
        """Read what has been logged so far."""
        if not path.is_file():
            return cls(())
        whole = path.read_text(encoding="utf-8").rpartition("\n")[0]
        return cls(tuple(json.loads(line) for line in whole.splitlines()))

    @property
    def history(self) -> list[dict[str, Any]]:
        """The measurement of each epoch, the later one where an epoch was trained twice."""
        epochs = {e["workers"][0]["epoch"]: e["workers"][0] for e in self._epochs}
        names = ("epoch", "train_loss", "train_accuracy", "learning_rate", "seconds")
        return [{name: epochs[n][name] for name in names} for n in sorted(epochs)]

    @property
    def digests(self) -> list[str]:
        """Digest of each worker's weights after the last epoch."""
        return [worker["digest"] for worker in self._epochs[-1]["workers"]] if self._epochs else []

    @property
    def restarts(self) -> list[dict[str, Any]]:
        """After which epoch training was restarted, why, and with how many workers.

        The number of workers is None if they did not finish an epoch.
        """
        found: list[dict[str, Any]] = []
        newest, attempt = 0, None
        for event in self.events:
            if event["event"] == "lost":
                found.append(_restart(newest, "; ".join(event["workers"].values())))
                continue
            first = event["workers"][0]
            if attempt not in (None, first["attempt"]) and not _is_open(found):
                found.append(_restart(first["began_after"], "the workers were restarted"))
            if _is_open(found):
                found[-1] |= {"workers": len(event["workers"]), "epoch": first["began_after"]}
            newest, attempt = first["epoch"], first["attempt"]
        return found

    @property
    def _epochs(self) -> list[dict[str, Any]]:
        return [event for event in self.events if event["event"] == "epoch"]


def in_a_line(error: Exception) -> str:
    """The type of an error and the first line of its message."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0] if said else ''}".strip().removesuffix(":")


def _restart(epoch: int, reason: str) -> dict[str, Any]:
    return {"epoch": epoch, "workers": None, "reason": reason}


def _is_open(restarts: list[dict[str, Any]]) -> bool:
    return bool(restarts) and restarts[-1]["workers"] is None
