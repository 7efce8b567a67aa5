"""All weights of a network: what is derived from them follows a copy, and a digest names them."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from trainables.networks.weights import copy_weights, finalise, weights_digest


def normalised(mean=0.0, variance=1.0):
    model = keras.Sequential([keras.Input((3,)), keras.layers.Normalization()])
    model.layers[-1].set_weights([np.full(3, mean), np.full(3, variance), np.array(7)])
    finalise(model.layers)
    return model


def test_a_copy_computes_what_its_source_computes():
    """Keras's Normalization computes with constants, which assigned weights do not change."""
    source, target = normalised(2.0, 4.0), normalised()
    copy_weights(source, target)
    found = target(np.full((1, 3), 8.0)).numpy()
    np.testing.assert_allclose(found, np.full((1, 3), 3.0))


def test_layers_in_a_sequential_are_finalised_too():
    inner = normalised()
    outer = keras.Sequential([keras.Input((3,)), inner])
    copy_weights(normalised(2.0, 4.0), inner)
    inner.layers[-1].set_weights([np.full(3, 1.0), np.full(3, 1.0), np.array(7)])
    finalise(outer.layers)
    np.testing.assert_allclose(outer(np.full((1, 3), 8.0)), np.full((1, 3), 7.0))


def test_weights_of_another_network_are_refused():
    other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="another network, with 2 arrays in place of 3"):
        copy_weights(other, normalised())


def dense(kernel):
    model = keras.Sequential([keras.Input((kernel.shape[0],)), keras.layers.Dense(kernel.shape[1])])
    model.layers[-1].kernel.assign(kernel)
    return model


def test_a_digest_is_of_values_shapes_and_order():
    kernel = np.arange(6, dtype=np.float32).reshape(2, 3)
    digests = [weights_digest(dense(k)) for k in (kernel, kernel[::-1], kernel + 1e-6)]
    digests.append(weights_digest(normalised()))
    same_bytes = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, use_bias=False)])
    digests.append(weights_digest(same_bytes))
    assert len(set(digests)) == len(digests)
    assert weights_digest(dense(kernel)) == digests[0]
    assert all(len(digest) == 64 for digest in digests)
