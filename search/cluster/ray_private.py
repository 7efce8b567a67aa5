"""Private names of Ray that are needed, all in one place; seen in ray 2.60.0.

Ray has no public way to ask for them. `check` says which of them a newer version has lost.
"""

from __future__ import annotations

import importlib

SEEN_IN = "2.60.0"
"""The version of Ray in which these names were found."""

_NAMES = {
    "ray._private.worker": "get_dashboard_url",
    "ray._private.state": "state",
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


def largest_cluster() -> dict[str, float]:
    """CPUs and GPUs, counting all nodes that an autoscaler may start; empty without one."""
    from ray._private.state import state

    return dict(state.get_max_resources_from_cluster_config() or {})
