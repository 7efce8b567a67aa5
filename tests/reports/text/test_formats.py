"""Tests for how values are written."""

from __future__ import annotations

import math

import pytest

from reports.text import formats
from spaces.studies.study import Objective

NOTHING = (None, math.nan, math.inf, -math.inf)


@pytest.mark.parametrize("value", NOTHING)
@pytest.mark.parametrize(
    "write",
    [formats.percent, formats.number, formats.seconds, formats.duration, formats.moment],
)
def test_what_is_missing_is_a_dash(write, value) -> None:
    assert write(value) == "–"
    assert formats.hyperparameter(value) == "–"
    assert formats.is_missing(value)


def test_numbers() -> None:
    assert formats.percent(0.98765) == "98.8\u00a0%"
    assert formats.number(1_578_504) == "1,578,504"
    assert formats.number(0.051234) == "0.05123"
    assert formats.points(0.0331) == "+3.3"
    assert formats.points(-0.011) == "−1.1"
    assert formats.points(-0.0001) == "0.0"
    assert formats.seconds(1234.5) == "1,234"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.2, "59 s"),
        (250, "4 min 10 s"),
        (3780, "1 h 03 min"),
        (3599.8, "1 h 00 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert formats.duration(seconds).replace("\u00a0", " ") == text


def test_hyperparameters() -> None:
    assert formats.hyperparameter(()) == "none"
    assert formats.hyperparameter((128, 64)) == "128, 64"
    assert formats.hyperparameter(True) == "yes"
    assert formats.hyperparameter(0.0031234) == "0.00312"


def test_metrics() -> None:
    loss = Objective(metric="val_loss", mode="min")
    assert formats.metric(0.5, Objective()) == "50.0\u00a0%"
    assert formats.metric(0.5, loss) == "0.5"
    assert formats.metric_name(loss) == "validation loss"
    assert formats.plural(1, "trial") == "1 trial"
    assert formats.plural(1000, "trial") == "1,000 trials"


def test_moment() -> None:
    assert formats.moment(0) == "1970-01-01 00:00 UTC"
