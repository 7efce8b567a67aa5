"""Plain Keras on features cached by hand, each configuration with several seeds: its spread.

The option is the number of seeds; trial `n` of the log is the configuration's number.
"""

from __future__ import annotations

import keras

from tests.benchmarks.opponents.data import load, save_features
from tests.benchmarks.opponents.models import EpochLog, fit, head_model
from tests.benchmarks.opponents.task import Task


def run(task: Task) -> None:
    """Train every configuration with every seed."""
    arrays = load(save_features(task))
    for number, configuration in enumerate(task.configurations):
        for seed in range(task.options[0]):
            keras.backend.clear_session()
            keras.utils.set_random_seed(1000 + seed)
            log = EpochLog(task.log, number, configuration)
            fit(head_model(configuration), arrays, configuration, task.epochs, [log])
