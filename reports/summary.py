"""The answer of a run in two lines, beside its report, for `thawtune fit`."""

from __future__ import annotations

from pathlib import Path

from reports.analysis.answer import results
from reports.analysis.verdict import verdict
from reports.build import build_report
from reports.data.run_data import read_run
from search.records.run import Run


def summarise(run: Run) -> tuple[Path, tuple[str, ...]]:
    """Write a run's report.

    Args:
        run: With a final model that was tested, or as far as it has come.

    Returns:
        The page, and two lines: how good the model is, and how that compares.

    Raises:
        RunStateError: If there is no run in the folder, or one of its files is unusable.
    """
    page = build_report(run)
    data = read_run(run)
    facts = results(data)
    first = f"{facts[0].label}: {facts[0].value} ({facts[0].note})" if facts else ""
    return page, (first, verdict(data).headline)
