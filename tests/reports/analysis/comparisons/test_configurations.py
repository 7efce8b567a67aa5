"""Winner's configuration against the best recipe's, with several tested trainings of each."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.analysis.answer import results
from reports.analysis.comparisons.comparison import compare
from reports.analysis.comparisons.verdict import verdict
from reports.build import write_report
from reports.data.run_data import read_run


@pytest.fixture
def repeated(make_run, open_test):
    """A tested run with these accuracies of each training, by model."""

    def make(**accuracies: tuple[float, ...]):
        maker = make_run()
        for recipe, accuracy in (("two_phase", 0.95), (None, 0.97)):
            maker.one_epoch(recipe, accuracy)
        run = maker.close()
        open_test(run, {name: values[0] for name, values in accuracies.items()})
        record = json.loads(run.test.read_text())
        rows = []
        chance = np.random.default_rng(0)
        hardness = chance.random(360)
        for model in record["models"]:
            model["repeats"] = []
            for seed, accuracy in enumerate(accuracies[model["name"]]):
                name = model["name"] if not seed else f"{model['name']}, trial {seed}"
                model["repeats"].append({"predictions": name})
                is_wrong = hardness + chance.normal(0, 0.05, 360) > accuracy
                rows += [
                    {"model": name, "image": f"{i:03d}", "label": i % 10, "predicted": p}
                    for i, p in enumerate(np.where(is_wrong, np.arange(360) + 1, range(360)) % 10)
                ]
        run.test.write_text(json.dumps(record))
        pq.write_table(pa.Table.from_pylist(rows), run.predictions)
        return run

    return make


def text_of(run) -> str:
    found = verdict(read_run(run))
    return " ".join([found.headline, *found.basis]).replace("\u00a0", " ")


def test_a_clear_difference_is_one_of_configurations(repeated) -> None:
    run = repeated(winner=(0.95, 0.96, 0.94), two_phase=(0.8, 0.81, 0.82))
    found = compare(read_run(run))
    assert (found.outcome, found.seeds, found.rivalry) == ("better", 3, None)
    assert found.difference.low > 0.05
    text = text_of(run)
    assert text.startswith("The configuration beat the recipe two_phase: ")
    assert "means of 3 trainings each with new seeds on the same 360 test images" in text
    assert "This model" not in text


def test_a_lucky_training_does_not_make_a_configuration_better(repeated) -> None:
    """As of single trainings, the first of each, it would be one model beating another."""
    run = repeated(winner=(0.97, 0.85, 0.9), two_phase=(0.88, 0.93, 0.9))
    assert compare(read_run(run)).outcome == "open"
    assert "could not be told apart" in text_of(run)
    fact = results(read_run(run))[-1]
    assert fact.value.endswith("(could not be told apart)")
    assert "means of 3 trainings" in fact.note


def test_two_trainings_are_too_few(repeated) -> None:
    run = repeated(winner=(0.95, 0.96), two_phase=(0.8, 0.81))
    assert compare(read_run(run)).configurations is None
    assert text_of(run).startswith("This model beat the recipe two_phase")


def test_the_page_corrects_the_comparisons_of_single_trainings(repeated) -> None:
    run = repeated(winner=(0.95, 0.96, 0.94), two_phase=(0.8, 0.81, 0.82))
    page = write_report(run).read_text(encoding="utf-8")
    assert "The configuration beat the recipe two_phase" in page
    assert "one training of each is compared, which says nothing about other seeds" in page
    assert "was planned before the test set was opened. Holm" not in page
