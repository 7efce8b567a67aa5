"""One thing that a benchmark measures."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.opponents.task import Task
from tests.benchmarks.process import Measured, run_measured
from tests.benchmarks.results import Entry


@dataclass(frozen=True)
class Arm:
    """One arm of a benchmark.

    Attributes:
        key: Of its entry in the results.
        tool: What it runs, for `--arms`: P0, P1, P2, K, O, R, D or U (ours), and so on.
        against: The arm of ours that it is compared with.
        measure: Runs it in a fresh folder; gives its entries, by key.
    """

    key: str
    tool: str
    against: str
    measure: Callable[[Path], dict[str, Entry]]

    def is_wanted(self, names: Sequence[str]) -> bool:
        """Whether one of these names means it; without names all are."""
        return not names or self.key in names or self.tool in names


Arms = Iterator[Arm]


def run_opponent(task: Task, until: Callable[[], bool] | None = None) -> Measured:
    """Run an opponent's task in a process of its own.

    Raises:
        CommandFailedError: If it ends with an error.
    """
    command = [sys.executable, "-m", "tests.benchmarks.opponents", str(task.write())]
    return run_measured(command, task.folder, until=until)
