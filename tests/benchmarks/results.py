"""Results: an entry for each arm, merged into one JSON file, each compared with ours."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tests.benchmarks.process import Measured

FOLDER = Path(__file__).with_name("results")
PACKAGES = ("ray", "optuna", "tensorflow", "keras", "keras-tuner", "numpy")

Entry = dict[str, Any]
"""`seconds` and `ratio` (its seconds over ours), both None where it `failed`, and more."""

Results = dict[str, dict[str, Entry]]
"""Entries by benchmark and arm."""


def entry(measured: Measured | None, against: str, **more: Any) -> Entry:
    """An entry without its ratio.

    Args:
        measured: What the arm's process took; None if `more` has the seconds.
        against: The arm of ours that it is compared with.
        more: What else is to be said; `seconds` here go before the process's.
    """
    found: Entry = {"seconds": None, "ratio": None, "against": against}
    if measured is not None:
        found |= {
            "seconds": measured.seconds,
            "cpu_seconds": measured.cpu_seconds,
            "load": measured.load,
        }
    return _rounded(found | more) | about()


def failure(error: BaseException, against: str) -> Entry:
    """The entry of an arm that did not work."""
    text = f"{type(error).__name__}: {error}".strip()
    return {"seconds": None, "ratio": None, "against": against, "failed": text[:600]} | about()


def about() -> dict[str, str]:
    """When and on what something was measured."""
    names = [f"Python {platform.python_version()}", *(f"{p} {version(p)}" for p in PACKAGES)]
    cores = len(os.sched_getaffinity(0))
    return {
        "measured": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "machine": f"{cores} cores of {platform.machine()}, {', '.join(names)}",
    }


def merged(results: Results, benchmark: str, entries: Mapping[str, Entry]) -> Results:
    """Results with these entries in place of older ones, all ratios of that benchmark anew."""
    whole = results.get(benchmark, {}) | dict(entries)
    return results | {benchmark: {arm: _with_ratio(e, whole) for arm, e in whole.items()}}


def _with_ratio(one: Entry, whole: Mapping[str, Entry]) -> Entry:
    ours = whole.get(one["against"], {}).get("seconds")
    seconds = one["seconds"]
    ratio = None if ours is None or seconds is None else round(seconds / ours, 2)
    found = one | {"ratio": ratio}
    if ratio is not None and one.get("features_seconds"):
        # As if the features had cost the opponent nothing, while ours still pays for its own.
        found["ratio_without_features"] = round((seconds - one["features_seconds"]) / ours, 2)
    return found


def read(path: Path) -> Results:
    """What an earlier run wrote, or nothing."""
    return json.loads(path.read_text()) if path.is_file() else {}


def write(path: Path, results: Results) -> None:
    """Write results, benchmarks in their order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".new")
    ordered = dict(sorted(results.items()))
    temporary.write_text(json.dumps(ordered, indent=1, allow_nan=False) + "\n")
    temporary.replace(path)


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.4g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(v) for v in value]
    return value
