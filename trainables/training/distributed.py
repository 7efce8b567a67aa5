"""Training by many processes: the strategy, cores, and statistics of batch norms.

The loop (`trainables.training.epoch.loop`) is that of the trials, since `Model.fit` fails under
`MultiWorkerMirroredStrategy` in Keras 3.
"""

from __future__ import annotations

import json
import os

import keras
import tensorflow as tf

_strategies: list[tf.distribute.Strategy] = []
"""All that were made: freeing one waits up to half a minute for its health check."""


def strategy_of(workers: int) -> tf.distribute.Strategy:
    """TensorFlow's strategy for the processes that TF_CONFIG names; waits for all of them.

    Call it before anything else of TensorFlow.

    Args:
        workers: Number of processes; for one, TensorFlow's default strategy.
    """
    if workers == 1:
        return tf.distribute.get_strategy()
    _talk_directly()
    _strategies.append(tf.distribute.MultiWorkerMirroredStrategy())
    return _strategies[-1]


def _talk_directly() -> None:
    """Keep gRPC from looking for the other processes behind `http_proxy`, where it would wait."""
    cluster = json.loads(os.environ.get("TF_CONFIG", "{}")).get("cluster", {})
    hosts = {address.rsplit(":", 1)[0] for group in cluster.values() for address in group}
    os.environ["no_grpc_proxy"] = ",".join(sorted(hosts))  # noqa: SIM112 - so named by gRPC


def share_cores(workers: int) -> None:
    """Limit this process to its share of the machine's cores.

    Args:
        workers: Processes of this training on this machine; one alone is not limited.
    """
    if workers > 1:
        threads = max(1, (os.cpu_count() or 1) // workers)
        tf.config.threading.set_intra_op_parallelism_threads(threads)


def share_statistics(model: keras.Model, share: bool) -> None:
    """Let trained batch norms use the batch of all replicas, or only their own part.

    In a last batch with fewer images than replicas, one image counts more than once.

    Args:
        model: Must not be traced yet.
        share: Whether they use all. Save a model without, so that it needs no strategy.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = share
