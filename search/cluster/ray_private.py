"""Private names of Ray that are needed, all in one place; seen in ray 2.60.0.

Ray has no public way to ask for them. `check` says which of them a newer version has lost.
"""

from __future__ import annotations

import importlib
from typing import Any

from ray.exceptions import OutOfMemoryError, RayActorError, RayError, RayTaskError

SEEN_IN = "2.60.0"
"""The version of Ray in which these names were found."""

_NAMES = {
    "ray._private.node": "Node",
    "ray._private.worker": "get_dashboard_url",
    "ray._private.state": "state",
    "ray.air.execution._internal": "RayActorManager",
    "ray.tune.execution.tune_controller": "RayActorManager",
}


def check() -> list[str]:
    """The names that the installed Ray does not have, module and name; empty if all are there."""
    lost = []
    for module, name in _NAMES.items():
        try:
            found = hasattr(importlib.import_module(module), name)
        except ImportError:
            found = False
        if not found:
            lost.append(f"{module}.{name}")
    return lost


def dashboard_address() -> str | None:
    """Host and port of Ray's dashboard, or None if there is none. Ray must be running."""
    from ray._private.worker import get_dashboard_url

    found: str | None = get_dashboard_url()
    return found or None


def dead_process() -> str | None:
    """Name and exit code of a process of Ray that was started here and has died; None: none has."""
    from ray._private import worker

    node = worker._global_node
    needed = ("gcs_server", "raylet")
    for name, process in [] if node is None else node.dead_processes():
        if name in needed:
            return f"{name} (exit code {process.returncode})"
    return None


def node_types() -> list[tuple[dict[str, float], int]]:
    """Resources and largest number of each type of node that an autoscaler may start.

    A negative number means no limit. Without an autoscaler there are none.
    """
    from ray._private.state import state

    config = state.get_cluster_config()
    groups = () if config is None else config.node_group_configs
    return [(dict(group.resources), group.max_count) for group in groups]


def tell_lost_workers() -> None:
    """Make Tune treat a worker that Ray killed like one that died by itself.

    Tune knows two kinds of errors: an exception in a worker, and an actor that is dead. A worker
    that the memory monitor kills raises neither, nor does a lost node: Tune would end the search.
    """
    from ray.air.execution._internal import RayActorManager
    from ray.tune.execution import tune_controller

    class Manager(RayActorManager):
        def _actor_start_failed(self, tracked_actor: Any, exception: Exception) -> None:
            super()._actor_start_failed(tracked_actor, _as_dead_actor(exception))

        def _actor_task_failed(self, tracked_actor_task: Any, exception: Exception) -> None:
            super()._actor_task_failed(tracked_actor_task, _as_dead_actor(exception))

    tune_controller.RayActorManager = Manager


class WorkerKilledError(RayActorError):
    """Ray killed a worker.

    Attributes:
        for_memory: Whether its machine was running out of memory.
    """

    def __init__(self, message: str, for_memory: bool) -> None:
        self.message, self.for_memory = message, for_memory
        super().__init__(error_msg=message)

    def __reduce__(self) -> tuple[Any, ...]:
        return WorkerKilledError, (self.message, self.for_memory)


def _as_dead_actor(error: Exception) -> Exception:
    if isinstance(error, RayActorError | RayTaskError) or not isinstance(error, RayError):
        return error
    return WorkerKilledError(str(error), isinstance(error, OutOfMemoryError))
