"""Ray jobs: whether this process is one, its runtime environment, and where its run goes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from spaces.errors import InputError

RUNS = "THAWTUNE_RUNS"
"""Environment variable: the folder or URL of all runs, accessible to all nodes of a cluster."""

_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Ray sets this variable in processes that `ray job submit` starts."""


def is_job() -> bool:
    """Whether `ray job submit` started this process."""
    return _CONFIG in os.environ


def job_environment() -> dict[str, Any]:
    """The runtime environment that the job was submitted with; empty outside a job."""
    found: dict[str, Any] = json.loads(os.environ.get(_CONFIG) or "{}").get("runtime_env") or {}
    return found


def run_folder(given: str | Path | None, study: str) -> str:
    """The folder or URL of a run: as given, or named after the study in $THAWTUNE_RUNS or runs/.

    Args:
        given: A folder or a URL, or None.
        study: Name of the study.

    Raises:
        InputError: If the folder is in the job's working directory, which Ray deletes.
    """
    runs = os.environ.get(RUNS) or "runs"
    place = str(given or f"{runs.rstrip('/')}/{study}")
    is_copy = "working_dir" in job_environment() and "://" not in place
    if is_copy and Path(place).resolve().is_relative_to(Path.cwd().resolve()):
        raise InputError(
            f"{place} is in this job's working directory, which Ray deletes when the job ends. "
            f"Give a folder that all nodes can access, with --run or as {RUNS}."
        )
    return place
