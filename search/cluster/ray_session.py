"""Connecting to Ray: starting it on this machine, or joining a cluster."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import ray
from ray.exceptions import AuthenticationError, RayError

from search.cluster.code_shipping import check_same_code, staged
from search.cluster.local_ray import starting_ray
from search.cluster.lost_ray import noticing_lost_ray
from search.cluster.ray_job import is_job, job_environment
from spaces.errors import InputError
from trainables.cache.remote_copies import FEATURES_VARIABLE, check_storage

WORKER_ENVIRONMENT = {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}

LOCAL_ENVIRONMENT = WORKER_ENVIRONMENT | {"RAY_prestart_worker_first_driver": "0"}
"""Environment of a Ray that we start. Workers inherit it, which is faster than setting up a runtime
environment for each. Prestarted workers are for tasks and never used by actors: we start none."""

DASHBOARD = "THAWTUNE_DASHBOARD"
"""Environment variable, 1 or 0: whether a Ray that we start has a dashboard."""

PATIENCE = 10.0
"""Seconds within which a cluster must take a connection."""

_is_open = False


def joined(address: str | None) -> str | None:
    """The address of the cluster to join: the one given, or the cluster of this job."""
    return address or (os.environ.get("RAY_ADDRESS") if is_job() else None)


@contextmanager
def ray_running(address: str | None) -> Iterator[None]:
    """Start Ray on this machine, or connect to a cluster, while the context is open.

    Inside another such context, this one does nothing. The workers of a cluster import the code of
    this process: it is shipped to them, unless this is a job, whose working directory Ray has
    shipped already.

    Args:
        address: Address of the cluster; None starts a Ray that ends with the context.

    Raises:
        InputError: If there is no cluster at the address, or it refuses the connection; if Ray
            cannot be started here; or if the URL of shared features contains a key.
        LostRayError: If a Ray that was started on this machine dies.
    """
    global _is_open
    if _is_open:
        yield
        return
    check_storage()
    found = joined(address)
    if found:
        _join(found)
    else:
        os.environ |= LOCAL_ENVIRONMENT
        with starting_ray() as folder:
            _init("local", None, include_dashboard=_has_dashboard(), _temp_dir=folder)
    _is_open = True
    try:
        with nullcontext() if found else noticing_lost_ray():
            yield
    finally:
        _is_open = False
        ray.shutdown()


def _has_dashboard() -> bool:
    """As the variable says, or else only at a terminal: it costs two processes and some seconds."""
    said = os.environ.get(DASHBOARD)
    return sys.stdout.isatty() if said is None else said == "1"


def _check_there(address: str) -> None:
    """Refuse an address where nothing listens: Ray itself would try for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdigit():  # such as auto
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _refused(address, error) from error


def _join(address: str) -> None:
    _check_there(address)
    of_job = job_environment()
    set_by_job = of_job.get("env_vars") or {}
    here = (
        {FEATURES_VARIABLE: os.environ[FEATURES_VARIABLE]}
        if FEATURES_VARIABLE in os.environ
        else {}
    )
    variables = {k: v for k, v in (WORKER_ENVIRONMENT | here).items() if k not in set_by_job}
    try:
        if "working_dir" in of_job:
            _init(address, {"env_vars": variables})
        else:
            with staged() as folder:
                _init(address, {"env_vars": variables, "working_dir": folder})
        check_same_code()
    except (AuthenticationError, ConnectionError, RuntimeError, RayError) as error:
        ray.shutdown()
        raise _refused(address, error) from error
    except InputError:
        ray.shutdown()
        raise


def _init(address: str, runtime_env: dict[str, Any] | None, **options: Any) -> None:
    ray.init(
        address=address,
        runtime_env=runtime_env,
        log_to_driver=False,
        logging_level="ERROR",
        **options,
    )


def _refused(address: str, error: Exception) -> InputError:
    said = str(error).strip()
    lines = [line for line in said.splitlines() if line.strip()]
    if isinstance(error, AuthenticationError) or "uthentication" in said:
        return InputError(
            f"The Ray cluster at {address} refused to authenticate this machine. Put the cluster's "
            "token in ~/.ray/auth_token or RAY_AUTH_TOKEN, and set RAY_AUTH_MODE=token."
        )
    return InputError(
        f"Cannot use a Ray cluster at {address} ({(lines or [said])[0]}). Check the address, and "
        "whether Ray is running there."
    )
