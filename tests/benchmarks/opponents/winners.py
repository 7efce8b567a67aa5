"""Winners rebuilt in plain Keras and scored on images that no search has seen.

The options are their numbers of epochs, in the order of the configurations, and the
marks have the accuracies on the test set as `test_accuracies`.
"""

from __future__ import annotations

import keras

from tests.benchmarks.opponents.data import load, save_features, untouched
from tests.benchmarks.opponents.models import fit, head_model, pooled_backbone
from tests.benchmarks.opponents.task import Task


def run(task: Task) -> None:
    """Train and score each."""
    arrays = load(save_features(task))
    pixels, labels = untouched()
    features = pooled_backbone().predict(pixels, batch_size=64, verbose=0)
    scores = []
    for configuration, epochs in zip(task.configurations, task.options, strict=True):
        keras.backend.clear_session()
        keras.utils.set_random_seed(task.seed)
        model = head_model(configuration)
        fit(model, arrays, configuration, epochs, [])
        scores.append(float(model.evaluate(features, labels, verbose=0)[1]))
    task.mark(test_accuracies=scores)
