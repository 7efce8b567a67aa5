"""Where a person can look at a search."""

from __future__ import annotations

import ray
from ray._private.worker import get_dashboard_url

from search.records.run import Run


def dashboard_address() -> str | None:
    """Host and port of Ray's dashboard; None if there is none. Needs Ray."""
    found: str | None = get_dashboard_url()
    return found or None


def addresses(run: Run) -> list[str]:
    """One line for each place. Needs Ray."""
    lines = [
        f"TensorBoard: tensorboard --logdir {run.folder / 'tensorboard'}, "
        "then http://127.0.0.1:6006",
        f"Optuna: optuna-dashboard {run.journal}, then http://127.0.0.1:8080",
    ]
    dashboard = dashboard_address()
    if dashboard:
        job = ray.get_runtime_context().get_job_id()
        shown = f"http://{dashboard}/#/jobs/{job}; its token: ray get-auth-token"
        lines.insert(0, f"Ray dashboard: {shown}")
    return lines
