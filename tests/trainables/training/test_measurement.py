"""A measurement keeps its own rules, and is read as it was written."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainables.training.measurement import KINDS, Measurement

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.builds(
        Measurement,
        epoch=st.integers(1, 10**6),
        train_loss=FINITE,
        train_accuracy=st.floats(0, 1),
        val_loss=FINITE,
        val_accuracy=st.floats(0, 1),
        learning_rate=FINITE,
        seconds=st.dictionaries(st.sampled_from(KINDS), st.floats(0, 1e6)),
    )
)
@settings(max_examples=60)
def test_what_is_written_is_what_is_read(measurement):
    written = json.loads(json.dumps(measurement.to_dict()))
    assert Measurement.from_dict(written) == measurement


@pytest.mark.parametrize("epoch", [0, -1])
def test_epochs_count_from_one(make_measurement, epoch):
    with pytest.raises(ValueError, match=f"epoch is {epoch}"):
        make_measurement(epoch)


def test_seconds_are_of_known_kinds(make_measurement):
    with pytest.raises(ValueError, match="'lunch'"):
        make_measurement(1, seconds={"lunch": 3.0, "train": 1.0})
    assert make_measurement(1, seconds=dict.fromkeys(KINDS, 1.0)).seconds["data"] == 1.0


@pytest.mark.parametrize("name", ["train_loss", "val_loss"])
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf], ids=str)
def test_it_knows_whether_the_network_can_still_be_judged(make_measurement, name, bad):
    assert make_measurement(1).is_finite
    assert not make_measurement(1, **{name: bad}).is_finite


def test_it_cannot_be_changed(make_measurement):
    with pytest.raises(AttributeError):
        make_measurement(1).epoch = 2
