"""Results as tables for people: `quick.md` and `full.md`, which the README quotes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.benchmarks.results import Entry, Results

TITLES = {
    "A": "A, the same trials",
    "B": "B, time to target",
    "C": "C, depth",
    "D": "D, growth",
    "E": "E, distance from the limit",
    "F": "F, epochs until the best is found, on replayed curves",
    "S": "S, photos in folders",
}
_HEADINGS = ("arm", "seconds", "over ours", "CPU seconds", "load", "and")
_SAID = {
    "size": "{}",
    "note": "{}",
    "spread": "{within} of {of} accuracies within plain Keras's spread ({mean_difference:+.4f})",
    "features_seconds": "{:.3g} s of it for features",
    "ratio_without_features": "{:.3g} over ours without them",
    "same_metrics": "same metrics as the first: {}",
    "low": "from {:.4g} s",
    "high": "to {:.4g} s",
    "reached": "reached by {}",
    "test_accuracy": "winners on the test set {}",
    "driver_ms_a_trial": "driver {:.3g} ms a trial",
    "driver_ms_10th": "10th {:.3g} ms",
    "driver_ms_last": "last {:.3g} ms",
    "worker_growth_mb": "worker grew by {:.3g} MB",
    "epoch_seconds": "epochs of {} s",
    "images_a_second": "{} images a second",
    "worker_peak_mb": "worker's peak {:.0f} MB",
    "driver_peak_mb": "main process's {:.0f} MB",
    "written_mb": "{:.0f} MB written",
    "cached_mb": "{:.0f} MB in the cache",
    "times_limit": "{:.3g} times the limit",
    "search_times_limit": "{:.3g} times from the driver's first event on",
    "failed": "FAILED: {}",
}
"""What an entry may have beside its figures, and how that is said."""


def markdown(results: Results) -> str:
    """All tables, and below them what they were measured on."""
    parts = [_section(name, entries) for name, entries in sorted(results.items())]
    machines = sorted({e["machine"] for entries in results.values() for e in entries.values()})
    times = sorted({e["measured"] for entries in results.values() for e in entries.values()})
    below = [f"Measured {times[0]} to {times[-1]}."] if times else []
    below += [f"On {machine}." for machine in machines]
    return "\n\n".join([*parts, *below]) + "\n"


def _section(name: str, entries: Mapping[str, Entry]) -> str:
    rows = [_row(_HEADINGS), "|" + "---|" * len(_HEADINGS)]
    rows += [_row(_cells(arm, one)) for arm, one in entries.items()]
    return f"### {TITLES.get(name, name)}\n\n" + "\n".join(rows)


def _cells(arm: str, one: Entry) -> tuple[str, ...]:
    figures = (_figure(one.get(key)) for key in ("seconds", "ratio", "cpu_seconds", "load"))
    return (arm, *figures, "; ".join(_said(one)))


def _said(one: Entry) -> Iterator[str]:
    for key, text in _SAID.items():
        value = one.get(key)
        if value is None or (value == 0.0 and key == "features_seconds"):
            continue
        yield text.format_map(value) if isinstance(value, dict) else text.format(_listed(value))


def _listed(value: Any) -> Any:
    return ", ".join(map(str, value)) if isinstance(value, list) else value


def _figure(value: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.1f}" if value < 100 else f"{value:.0f}"


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |"
