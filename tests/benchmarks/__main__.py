"""The benchmark's command: `python -m tests.benchmarks --help`."""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
import time
from pathlib import Path

from tests.benchmarks import results
from tests.benchmarks.arm import Arm
from tests.benchmarks.plan import PLANS, Plan
from tests.benchmarks.process import CommandFailedError
from tests.benchmarks.results import Entry
from tests.benchmarks.spread import with_spread
from tests.benchmarks.table import TITLES, markdown

MODULES = {
    "A": "same_trials",
    "B": "time_to_target",
    "C": "depth",
    "D": "growth",
    "E": "limit",
    "F": "promotion",
    "S": "scale",
}


def main() -> int:
    """Measure what is asked for; exit code 1 if an arm failed."""
    given = _arguments()
    plan = PLANS["quick" if given.quick else "tiny" if given.tiny else "full"]
    path = (given.output or results.FOLDER) / f"{plan.name}.json"
    print(f"load average {os.getloadavg()[0]:.2f}; {results.about()['machine']}", flush=True)
    failed = False
    for name in given.only:
        for arm in _arms(name, plan, given.arms):
            entries = _measured(name, arm)
            failed |= any("failed" in one for one in entries.values())
            whole = results.merged(results.read(path), name, entries)
            whole[name] = with_spread(whole[name])
            results.write(path, whole)
            path.with_suffix(".md").write_text(markdown(whole))
    print(path.with_suffix(".md").read_text() if path.is_file() else "Nothing was measured.")
    return int(failed)


def _arms(name: str, plan: Plan, wanted: list[str]) -> list[Arm]:
    module = importlib.import_module(f"tests.benchmarks.questions.{MODULES[name]}")
    found = [arm for arm in module.arms(plan) if arm.is_wanted(wanted)]
    if name == "A" and (wanted or plan.name != "quick"):
        found += [arm for arm in module.switched(plan) if arm.is_wanted(wanted)]
    return found


def _measured(name: str, arm: Arm) -> dict[str, Entry]:
    """An arm's entries, measured in a fresh folder; what fails is an entry too."""
    start = time.perf_counter()
    print(f"{name} {arm.key} …", end=" ", flush=True)
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder:
        try:
            entries = arm.measure(Path(folder))
        except (CommandFailedError, ValueError, OSError, LookupError) as error:
            entries = {arm.key: results.failure(error, arm.against)}
    failures = [one["failed"] for one in entries.values() if "failed" in one]
    print(f"{time.perf_counter() - start:.0f} s", *failures, flush=True)
    return entries


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks",
        description="Measure thawtune beside other tools. Partial runs are merged into the JSON.",
        epilog="; ".join(TITLES.values()),
    )
    parser.add_argument("--quick", action="store_true", help="under 12 minutes on 2 cores")
    parser.add_argument("--tiny", action="store_true", help="only see whether every arm works")
    parser.add_argument("--only", type=_names, default=list(MODULES), help="such as A,B")
    parser.add_argument("--arms", type=_names, default=[], help="such as U,P2")
    parser.add_argument("--output", type=Path, help="folder of the results, if not results/")
    given = parser.parse_args()
    if unknown := [name for name in given.only if name not in MODULES]:
        parser.error(f"--only has {', '.join(unknown)}; there are {', '.join(MODULES)}")
    if given.tiny and given.output is None:
        parser.error("--tiny needs --output: its figures mean nothing")
    return given


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


if __name__ == "__main__":
    raise SystemExit(main())
