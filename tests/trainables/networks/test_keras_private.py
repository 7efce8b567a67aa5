"""What thawtune needs of Keras's private names is still there."""

from __future__ import annotations

import keras
import pytest
from keras.src.utils import naming

from trainables.networks import keras_private
from trainables.networks.keras_private import missing


def test_the_installed_keras_has_every_private_name_that_is_needed():
    assert missing() == []


def test_a_name_that_is_gone_is_named_with_what_to_do(monkeypatch):
    monkeypatch.delattr(naming, "reset_uids")
    [says] = missing()
    assert says.startswith(f"Keras {keras.__version__} has no keras.src.utils.naming.reset_uids")
    assert "trainables/networks/keras_private.py" in says


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam(), keras.optimizers.SGD(momentum=0.9)])
def test_slots_are_those_of_the_variable(optimizer):
    variables = [keras.Variable([0.0] * count) for count in (2, 3)]
    optimizer.build(variables)
    for variable in variables:
        if isinstance(optimizer, keras.optimizers.Adam):
            slots = keras_private.adam_slots(optimizer, variable)
        else:
            slots = (keras_private.sgd_slot(optimizer, variable),)
        assert [tuple(slot.shape) for slot in slots] == [tuple(variable.shape)] * len(slots)
