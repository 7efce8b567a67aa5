"""A study whose metric is not accuracy: verdict, comparisons and results speak in that metric."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss, roc_auc_score

from reports.analysis.answer import results
from reports.analysis.comparisons.comparison import compare
from reports.analysis.comparisons.rivals import rivalries, rivals_table, sentence
from reports.analysis.comparisons.verdict import verdict
from reports.analysis.models_table import models_table
from reports.build import write_report
from reports.data.run_data import read_run
from reports.statistics.paired import Paired
from tests.reports.simulations.pairs import drawn

SIZES = (300, 40, 20)
STRENGTHS = {"winner": (3, 3.4, 3.4), "two_phase": (3, 1, 0.8), "linear_probe": (3.0, 3, 3)}
"""How well each knows each class: the recipe two_phase neglects the rare ones."""

AS_OFTEN_RIGHT = STRENGTHS | {"winner": (2.6, 4, 4), "two_phase": (3.2, 1.2, 1)}
"""The winner knows the rare classes better, and the common one worse."""

SCIKIT_LEARN = {
    "val_balanced_accuracy": lambda p: balanced_accuracy_score(p.label, p.predicted),
    "val_macro_f1": lambda p: f1_score(p.label, p.predicted, average="macro"),
    "val_auc": lambda p: roc_auc_score(p.label, p.probabilities, multi_class="ovr"),
    "val_loss": lambda p: log_loss(p.label, p.probabilities),
}
TITLES = {
    "val_balanced_accuracy": "balanced accuracy",
    "val_macro_f1": "macro F1",
    "val_auc": "AUC",
    "val_loss": "log loss",
}


@pytest.fixture
def tested(make_run, open_test):
    """A tested run of a study with this metric; `seeds` trainings of each model were tested."""

    def make(metric: str, seeds: int = 1, has_probabilities: bool = True, strengths=STRENGTHS):
        mode = "min" if metric == "val_loss" else "max"
        maker = make_run(objective={"metric": metric, "mode": mode})
        for recipe, accuracy in (("linear_probe", 0.93), ("two_phase", 0.95), (None, 0.97)):
            maker.one_epoch(recipe, accuracy)
        run = maker.close()
        open_test(run, dict.fromkeys(STRENGTHS, 0.9))
        label = np.repeat(np.arange(3), SIZES)
        models = drawn(label, np.array(list(strengths.values())), seeds, np.random.default_rng(0))
        record, rows = json.loads(run.test.read_text()), []
        record["classes"] = ["a", "b", "c"]
        for model, trainings in zip(record["models"], models, strict=True):
            names = [model["name"], *(f"{model['name']}, trial {n}" for n in range(1, seeds))]
            model["accuracy"] = trainings[0].accuracy
            model["repeats"] = [{"predictions": name} for name in names] if seeds > 1 else []
            for name, one in zip(names, trainings, strict=True):
                rows += [
                    {"model": name, "image": f"{i:03d}", "label": y, "predicted": p}
                    | ({"probabilities": s} if has_probabilities else {})
                    for i, (y, p, s) in enumerate(
                        zip(one.label, one.predicted, one.probabilities.tolist(), strict=True)
                    )
                ]
        run.test.write_text(json.dumps(record))
        pq.write_table(pa.Table.from_pylist(rows), run.predictions)
        return run

    return make


def text_of(run) -> str:
    found = verdict(read_run(run))
    return " ".join([found.headline, *found.basis]).replace("\u00a0", " ")


@pytest.mark.parametrize("metric", list(TITLES))
def test_the_planned_comparison_is_one_of_the_studys_metric(tested, metric) -> None:
    run = tested(metric)
    data = read_run(run)
    found, score = compare(data), SCIKIT_LEARN[metric]
    assert found.winner_value == pytest.approx(score(data.predictions["winner"]))
    assert found.recipe_value == pytest.approx(score(data.predictions["two_phase"]))
    assert found.outcome == "better"
    assert not found.difference.contains(0)
    text = text_of(run)
    assert text.startswith("This model beat the recipe two_phase: ")
    assert f"{TITLES[metric]} on the same 360 test images (accuracy " in text
    assert "McNemar" not in text
    assert ("percentage points" in text) == (metric != "val_loss")


def test_the_metric_decides_where_accuracy_would_say_nothing(tested) -> None:
    data = read_run(tested("val_balanced_accuracy", strengths=AS_OFTEN_RIGHT))
    right = (data.predictions[name].is_right for name in ("winner", "two_phase"))
    assert Paired.of(*right).outcome() == "open"
    assert compare(data).outcome == "better"


@pytest.mark.parametrize("metric", list(TITLES))
def test_each_result_has_the_metric_and_accuracy_beside_it(tested, metric) -> None:
    run = tested(metric)
    data = read_run(run)
    winner, recipe, against = results(data)
    first, beside = (TITLES[metric], "accuracy")
    if metric == "val_loss":
        first, beside = beside, first
    assert winner.label == f"Test {first} of the winner as searched"
    assert recipe.label == f"Test {first} of the recipe two_phase"
    assert f"{beside} " in winner.note
    assert "(Wilson, 360 images)" in winner.note
    assert against.value.endswith("(better)")
    assert TITLES[metric] in against.note
    assert "t test: p" in against.note
    column = [c.name for c in models_table(data).columns].index(f"test_{_name(metric)}")
    shown = models_table(data).rows[0].cells[column].value
    assert shown == pytest.approx(SCIKIT_LEARN[metric](data.predictions["winner"]))


def _name(metric: str) -> str:
    return "log_loss" if metric == "val_loss" else metric.removeprefix("val_")


def test_other_comparisons_go_by_the_metric_too_and_are_corrected(tested) -> None:
    planned, other = rivalries(read_run(tested("val_balanced_accuracy")))
    assert (planned.is_planned, planned.p) == (True, planned.result.p)
    assert (other.first.name, other.second.name, other.of) == ("winner", "linear_probe", 1)
    text = sentence(planned).replace("\u00a0", " ")
    assert "The winner as searched beat the recipe two_phase: " in text
    assert "balanced accuracy on the same 360 test images (t test, p" in text
    table = rivals_table([planned, other])
    assert "contributes to the balanced accuracy" in table.caption
    assert table.rows[0].cells[2].value == planned.result.first


@pytest.mark.parametrize("metric", list(TITLES))
def test_several_trainings_compare_configurations_by_the_metric(tested, metric) -> None:
    run = tested(metric, seeds=3)
    data = read_run(run)
    found = compare(data)
    mean = np.mean([SCIKIT_LEARN[metric](data.predictions[n]) for n in _repeats(data, "winner")])
    assert found.winner_value == pytest.approx(mean)
    assert (found.outcome, found.seeds) == ("better", 3)
    assert not any(one.is_planned for one in rivalries(data)), "the planned one is of several"
    assert text_of(run).startswith("The configuration beat the recipe two_phase: ")
    assert f"{TITLES[metric]}, means of 3 trainings each" in text_of(run)


def _repeats(data, name: str) -> tuple[str, ...]:
    return next(model.repeats for model in data.test.models if model.name == name)


def test_without_what_the_metric_needs_accuracy_decides_and_is_named(tested) -> None:
    run = tested("val_auc", has_probabilities=False, strengths=AS_OFTEN_RIGHT)
    assert compare(read_run(run)).outcome == "open"
    assert "McNemar's mid-p test" in text_of(run)
    assert results(read_run(run))[0].label == "Test accuracy of the winner as searched"


def test_the_page_says_it(tested) -> None:
    run = tested("val_macro_f1")
    page = write_report(run).read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "Test macro F1 of the winner as searched" in page
