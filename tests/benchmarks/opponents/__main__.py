"""Run one opponent: `python -m tests.benchmarks.opponents TASK.json`."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from tests.benchmarks.opponents.task import Task

if __name__ == "__main__":
    task = Task.read(Path(sys.argv[1]))
    importlib.import_module(f"tests.benchmarks.opponents.{task.opponent}").run(task)
