"""Keys of the feature store: digests of everything that the activations depend on."""

from __future__ import annotations

import hashlib
import json
from weakref import WeakKeyDictionary

import keras
import tensorflow as tf

from spaces.studies.study import FeatureDtype
from trainables.networks.weights import source_of, weights_digest
from trainables.process.precision import has_tf32

_WITHOUT_EFFECT = ("name", "trainable", "rate", "seed")
"""Settings that have no effect in inference mode; names may come from a counter."""

_known: WeakKeyDictionary[keras.Model, str] = WeakKeyDictionary()


def feature_key(
    below: keras.Model, name: str, treatment: str, dtype: FeatureDtype = "float32"
) -> str:
    """The key of the activations of a network's lower part, for all images treated in one way.

    Args:
        below: Pixels to activations. It is examined once; if its weights or layers change, cut the
            network again.
        name: Name of the cut.
        treatment: How the images were decoded and resized.
        dtype: What they are stored as.
    """
    if below not in _known:
        _known[below] = _network(below)
    about = [treatment, name, _known[below], below.compute_dtype, keras.__version__, tf.__version__]
    if has_tf32():
        about.append("tf32")
    if dtype != "float32":
        about.append(dtype)
    return hashlib.sha256(json.dumps(about).encode()).hexdigest()


def _network(below: keras.Model) -> str:
    settings = json.dumps([below.output.shape, *map(_settings, below.operations)], default=str)
    return hashlib.sha256((settings + weights_digest(below)).encode()).hexdigest()


def _settings(operation: keras.Operation) -> list[object]:
    """What an operation computes, apart from its weights."""
    config = operation.get_config() if isinstance(operation, keras.Layer) else {}
    source = source_of(operation)
    if source is not None:  # operations between a file's layers have settings that none shows
        config = config | {"source": source}
    return [type(operation).__name__, {k: v for k, v in config.items() if k not in _WITHOUT_EFFECT}]
