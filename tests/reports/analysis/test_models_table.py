"""Tests for tables of models, their worst images, and what everything cost."""

from __future__ import annotations

import dataclasses

import pytest

from reports.analysis.costs import stages, stages_table, total_cost
from reports.analysis.errors import worst_images_table
from reports.analysis.method import approximations, hardware
from reports.analysis.models_table import models_table
from reports.data.run_data import read_run


def column(table, name) -> list:
    index = [c.name for c in table.columns].index(name)
    return [row.cells[index].value for row in table.rows]


def test_recipes_stand_beside_the_winner(read) -> None:
    table = models_table(read("complete"))
    assert column(table, "name") == ["winner", "linear_probe", "two_phase"]
    assert column(table, "test_accuracy") == [0.9833, 0.9361, 0.95]
    assert column(table, "trainable_share")[1] == pytest.approx(12_810 / 3_426_474)
    assert all(0.9 < seconds < 2.1 for seconds in column(table, "seconds_per_epoch"))
    table = models_table(read("one_trial"))
    assert column(table, "state") == ["COMPLETE", "COMPLETE", "not tried yet"]
    assert column(table, "test_accuracy") == [None, None, None]
    assert column(models_table(read("empty")), "name") == ["linear_probe", "two_phase"]


def test_attempts_are_counted(make_run) -> None:
    maker = make_run()
    trial, _ = maker.propose("two_phase")
    for _ in range(2):
        maker.write({"event": "attempt_failed", "trial": trial, "reason": "lost", "error": None})
    table = models_table(read_run(maker.close()))
    assert column(table, "broken_off") == [None, 2]
    assert column(table, "seconds_per_epoch") == [None, None]


def test_the_worst_images_are_those_whose_class_was_least_expected(read) -> None:
    data = read("complete")
    table = worst_images_table(data.predictions["linear_probe"], data.test.classes)
    own = column(table, "own")
    assert len(own) == 20, "of 23"
    assert own == sorted(own)
    pairs = zip(column(table, "label"), column(table, "predicted"), strict=True)
    assert all(label != predicted for label, predicted in pairs)


def test_stages_add_up(read) -> None:
    data = read("full")
    found = {stage.name: stage for stage in stages(data)}
    assert list(found) == ["search", "finalists", "fine-tuning"]
    assert found["finalists"].what == "6 repeats"
    assert found["fine-tuning"].seconds == pytest.approx(2 * 31.4)
    everything = sum(t.total_seconds for t in data.history.trials.values()) + 2 * 31.4
    assert total_cost(data) == pytest.approx(everything)
    assert column(stages_table(data), "share")[-1] == 1
    assert stages_table(read("empty")).rows == ()


def test_what_is_not_exact_is_said(read) -> None:
    complete, full = (" ".join(approximations(read(name))) for name in ("complete", "full"))
    assert "9 trials were stopped early" in complete
    assert "trained once, with one seed" in complete
    assert "trained once, with one seed" not in full
    assert "No trial used augmentation of images, so cached features are exact." in full


def test_features_of_16_bits_are_not_called_exact(read) -> None:
    data = read("full")
    resources = data.study.resources.model_copy(update={"feature_dtype": "float16"})
    study = data.study.model_copy(update={"resources": resources})
    text = " ".join(approximations(dataclasses.replace(data, study=study)))
    assert "exact" not in text
    assert "Features are stored as float16, which keeps 11 bits of each number." in text


def test_the_hardware_is_what_the_ledger_knows(read) -> None:
    assert hardware(read("empty")) == "Each trial had 1 CPU."
    text = hardware(read("complete"))
    assert "on 1 machine; each had 1 CPU. They computed in float32." in text
    assert "2 workers of Ray Train" in text
    assert "10.0.0.1" not in text
