"""Tests for validation and test that disagree."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.analysis.comparisons.agreement import Agreement, agreement, disagreement_sentences
from reports.analysis.kinds import ACCURACY
from reports.build import build_report, document_of
from reports.data.run_data import read_run
from search.records import events
from search.records.run import write_json
from trainables.training.measurement import Measurement


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


SIZES = (300, 40, 20)


@pytest.fixture
def uneven(make_run, open_test):
    """A tested run of uneven classes, whose winner has `promised` in the metric on validation.

    Its accuracy is 95 % there, and it is right on these shares of each class of the test set.
    """

    def make(metric: str, promised: float, recalls, validation=SIZES):
        mode = "min" if metric == "val_loss" else "max"
        maker = make_run(objective={"metric": metric, "mode": mode})
        trial, _ = maker.propose("two_phase")
        loss = promised if metric == "val_loss" else 0.2
        own = {} if metric == "val_loss" else {metric: promised}
        measured = Measurement(1, 0.1, 0.97, loss, 0.95, 1e-3, {"train": 1.0}, **own)
        maker.write(events.trial_measured(trial, measured))
        maker.end(trial)
        run = maker.close()
        open_test(run, {"final": 0.9, "winner": 0.9})
        label = np.repeat(np.arange(3), SIZES)
        right = np.concatenate(
            [np.arange(n) < round(r * n) for n, r in zip(SIZES, recalls, strict=True)]
        )
        predicted = np.where(right, label, (label + 1) % 3)
        shares = np.full((360, 3), 0.02)
        shares[np.arange(360), predicted] = 0.96
        record = json.loads(run.test.read_text()) | {"classes": ["a", "b", "c"]}
        for model in record["models"]:
            model["accuracy"] = float(right.mean())
        write_json(run.test, record)
        columns = {"image": [f"{i:03d}" for i in range(360)], "label": label}
        columns |= {"predicted": predicted, "probabilities": shares.tolist()}
        both = [pa.table({"model": [name] * 360} | columns) for name in ("final", "winner")]
        pq.write_table(pa.concat_tables(both), run.predictions)
        counts = {"train": SIZES, "validation": validation, "test": SIZES}
        write_json(run.data, {"classes": ["a", "b", "c"], "image": "8×8 pixels", **counts})
        return read_run(run)

    return make


@pytest.mark.parametrize("metric", ["val_balanced_accuracy", "val_macro_f1"])
def test_rare_classes_that_are_lost_break_the_promise_of_the_metric(uneven, metric) -> None:
    """The accuracies agree: it is the study's metric that does not."""
    data = uneven(metric, 0.95, (0.99, 0.6, 0.6))
    found = agreement(data)
    assert found.accuracies[0] == 0.95
    accuracies = dataclasses.replace(
        found, promised=0.95, tested=found.accuracies[1], kind=ACCURACY, error=None
    )
    assert not accuracies.is_broken
    [note] = disagreement_sentences(data)
    note = note.replace("\u00a0", " ")
    title = {"val_balanced_accuracy": "balanced accuracy", "val_macro_f1": "macro F1"}[metric]
    assert note.startswith(f"Validation and test disagree: {title} 95.0 % on 360 validation images")
    assert "(accuracy 95.0 % and 92.5 %)" in note
    assert "Plan by the test figure" in note


def test_accuracies_that_part_alone_are_no_broken_promise(uneven) -> None:
    """Chance within two rare classes explains a gap of the metric that accuracy does not have."""
    found = agreement(uneven("val_balanced_accuracy", 0.95, (0.95, 0.92, 0.9)))
    assert not found.is_broken
    assert found.tested == pytest.approx((0.95 + 0.925 + 0.9) / 3)


@pytest.mark.parametrize(
    ("promised", "recalls", "said"),
    [
        (0.1, (0.9, 0.6, 0.6), "Plan by the test figure"),
        (1.5, (0.99, 0.99, 0.99), "The test set is easier than the validation set"),
    ],
)
def test_of_two_losses_the_larger_one_is_worse(uneven, promised, recalls, said) -> None:
    [note] = disagreement_sentences(uneven("val_loss", promised, recalls))
    assert said in note
    assert f"log loss {promised:.3f} on 360 validation images" in note.replace("\u00a0", " ")


def test_the_error_is_that_of_both_sets(uneven) -> None:
    """By the formula: the variance of each class, by its images on either side."""
    validation = (30, 8, 4)
    found = agreement(uneven("val_balanced_accuracy", 0.95, (0.9, 0.75, 0.75), validation))
    assert found.validation_images == 42
    within = [r * (1 - r) * (1 / n + 1 / m) for r, n, m in zip(
        (0.9, 0.75, 0.75), SIZES, validation, strict=True
    )]  # fmt: skip
    assert found.error.value == pytest.approx(sum(within) ** 0.5 / 3, rel=0.15)


def test_a_class_that_validation_lacks_leaves_accuracy_to_say_it(uneven) -> None:
    found = agreement(uneven("val_macro_f1", 0.95, (0.99, 0.6, 0.6), (300, 40, 0)))
    assert (found.kind, found.promised) == (ACCURACY, 0.95)
