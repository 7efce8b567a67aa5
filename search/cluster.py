"""Ray, started on this machine or joined."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import ray

from spaces.errors import InputError

WORKER_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}


@contextmanager
def ray_running(address: str | None) -> Iterator[None]:
    """A Ray of our own on this machine, or a connection to a cluster.

    Args:
        address: Of the cluster; None starts a Ray that ends with the context.

    Raises:
        InputError: If there is no cluster at this address.
    """
    try:
        ray.init(
            address=address or "local",
            runtime_env={"env_vars": WORKER_ENVIRONMENT},
            log_to_driver=False,
            logging_level="ERROR",
            **({} if address else {"include_dashboard": False}),
        )
    except ConnectionError as error:
        raise InputError(f"There is no Ray cluster at {address}: {error}") from error
    try:
        yield
    finally:
        ray.shutdown()
