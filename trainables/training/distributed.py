"""What one training by many processes needs beside the loop: a strategy, shared statistics.

The loop itself (`trainables.training.loop`) is the one of the trials. `Model.fit` cannot be used:
under `MultiWorkerMirroredStrategy` it fails in Keras 3.
"""

from __future__ import annotations

import os

import keras
import tensorflow as tf

_strategies: list[tf.distribute.Strategy] = []
"""Those that were made: one that is freed waits for its health check, for up to half a minute."""


def strategy_of(workers: int) -> tf.distribute.Strategy:
    """TensorFlow's strategy for so many processes, which TF_CONFIG names; waits for all of them.

    Make it before anything else of TensorFlow is used.

    Args:
        workers: Processes; one alone has TensorFlow's default strategy.
    """
    if workers == 1:
        return tf.distribute.get_strategy()
    _strategies.append(tf.distribute.MultiWorkerMirroredStrategy())
    return _strategies[-1]


def share_cores(workers: int) -> None:
    """Give this process its part of the machine's cores.

    Args:
        workers: Processes of this training on this machine; one alone has what TensorFlow takes.
    """
    if workers > 1:
        threads = max(1, (os.cpu_count() or 1) // workers)
        tf.config.threading.set_intra_op_parallelism_threads(threads)


def share_statistics(model: keras.Model, share: bool) -> None:
    """Let trained batch norms see the batch of all replicas, or that of their own alone.

    In a last batch of fewer images than there are replicas, one image counts more than once.

    Args:
        model: Its graphs must not be traced yet.
        share: Whether they do. A model is saved without, so that it needs no strategy.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = share
