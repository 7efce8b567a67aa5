"""Tests for the section on the search."""

from __future__ import annotations

import pytest

from reports.data.run_data import read_run
from reports.page.document import Text
from reports.sections import trials


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (None, "2 of the 40 trials in the budget: "),
        (90.0, "2 trials, in a budget of 90 s or 40 trials: "),
    ],
)
def test_trials_are_counted_beside_what_the_budget_allows(seconds, said, make_run) -> None:
    maker = make_run(budget={"trials": 40, "seconds": seconds})
    for accuracy in (0.7, 0.8):
        maker.one_epoch(None, accuracy)
    first = trials.section(read_run(maker.close(reason="seconds"))).blocks[0]
    assert isinstance(first, Text)
    assert first.text.startswith(said)
    assert "2 complete" in first.text
