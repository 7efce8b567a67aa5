"""Tests for validation and test that disagree."""

from __future__ import annotations

import dataclasses

import pytest

from reports.analysis.comparisons.agreement import Agreement, agreement, disagreement_sentences
from reports.build import build_report, document_of
from reports.data.run_data import read_run


@pytest.fixture
def tested(make_run, open_test):
    """A run whose winner has 97 % on validation, with this test accuracy."""

    def make(accuracy: float):
        maker = make_run()
        for recipe, value in (("two_phase", 0.95), (None, 0.97)):
            maker.one_epoch(recipe, value)
        run = maker.close()
        open_test(run, {"final": accuracy, "winner": accuracy, "two_phase": 0.9})
        return read_run(run)

    return make


def test_91_of_394_and_83_5_of_656_disagree() -> None:
    """Seven and a half points, as the mean of one of five finalists."""
    found = Agreement(0.910, 394, 0.835, 656, choices=10)
    assert found.p == pytest.approx(10 * 0.00065, rel=0.1)
    assert found.is_broken
    assert not dataclasses.replace(found, choices=500).is_broken, "as the best of 500 it may be"
    assert not dataclasses.replace(found, tested=0.89).is_broken


def test_it_is_said_on_the_first_screen(tested) -> None:
    data = tested(0.85)
    assert agreement(data).choices == 2
    [note] = document_of(data).warnings
    assert note.startswith("Validation and test disagree")
    note = note.replace("\u00a0", " ")
    assert "97.0 % on 360 validation images, 85.0 % on 360 test images" in note
    assert "photos that belong together, such as several of one object" in note
    assert "Plan by the test figure" in note
    assert "another dataset.seed" in note


def test_it_stands_right_under_the_headline_in_both_forms(make_run, open_test) -> None:
    maker = make_run()
    maker.one_epoch("two_phase", 0.97)
    run = maker.close()
    open_test(run, {"final": 0.85, "winner": 0.85})
    page = build_report(run).read_text(encoding="utf-8")
    headline, warning = page.index('class="verdict"'), page.index('class="warning"')
    assert headline < warning < page.index('class="results"')
    assert "\n> Validation and test disagree: " in (run.report / "report.md").read_text("utf-8")


def test_a_test_set_that_is_easier_is_said_to_be(make_run, open_test) -> None:
    maker = make_run()
    trial, _ = maker.propose()
    maker.measure(trial, 1, 0.8)
    maker.end(trial)
    run = maker.close()
    open_test(run, {"final": 0.95, "winner": 0.95})
    [note] = disagreement_sentences(read_run(run))
    assert "The test set is easier than the validation set" in note


def test_what_agrees_needs_no_word(tested, read) -> None:
    assert disagreement_sentences(tested(0.96)) == []
    assert disagreement_sentences(read("under_way")) == []
    assert agreement(read("under_way")) is None


def test_the_mean_of_new_seeds_is_what_was_promised(read) -> None:
    data = read("full")
    found = agreement(data)
    assert found.promised == data.finalists.winner.mean
    assert found.choices == 2 * len(data.finalists.finalists) == 4


def test_without_an_error_nothing_is_divided_by_zero() -> None:
    assert Agreement(1.0, 20, 1.0, 30, 5).p == 1
