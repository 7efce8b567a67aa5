"""The answer in two lines is what the report's first screen says."""

from __future__ import annotations

from reports.analysis.answer import results
from reports.analysis.comparisons.verdict import verdict
from reports.summary import answer


def test_the_answer_is_the_first_result_and_the_headline(runs, read):
    first, second = answer(runs["complete"])
    fact = results(read("complete"))[0]
    assert first == f"{fact.label}: {fact.value} ({fact.note})"
    assert first.startswith("Test accuracy of the final model: 98.9")
    assert second == verdict(read("complete")).headline


def test_a_run_of_any_shape_has_an_answer(runs, shape):
    lines = answer(runs[shape])
    assert 1 <= len(lines) <= 2
    assert all(line.strip() for line in lines)
