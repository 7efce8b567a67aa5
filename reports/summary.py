"""The answer of a run in two lines, which `thawtune fit` ends with."""

from __future__ import annotations

from reports.analysis.answer import results
from reports.analysis.comparisons.verdict import verdict
from reports.data.run_data import read_run
from search.records.run import Run


def answer(run: Run) -> tuple[str, ...]:
    """How good a run's model is, if it has a result, and how that compares with its best recipe.

    Args:
        run: With a final model that was tested, or as far as it has come.

    Raises:
        RunStateError: If there is no run in the folder, or one of its files is unusable.
    """
    data = read_run(run)
    first = [f"{fact.label}: {fact.value} ({fact.note})" for fact in results(data)[:1]]
    return (*first, verdict(data).headline)
