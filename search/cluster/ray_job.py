"""Whether this process is a job of `ray job submit`, and what follows for its run's folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from spaces.errors import InputError

RUNS = "THAWTUNE_RUNS"
"""Environment variable: the folder of runs, or its URL, where all machines of a cluster see it."""

_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Ray sets it for what `ray job submit` starts."""


def is_job() -> bool:
    """Whether `ray job submit` started this process."""
    return _CONFIG in os.environ


def job_environment() -> dict[str, Any]:
    """The runtime environment that the job was submitted with; empty outside of jobs."""
    found: dict[str, Any] = json.loads(os.environ.get(_CONFIG) or "{}").get("runtime_env") or {}
    return found


def run_folder(given: str | Path | None, study: str) -> str:
    """Where a run is to be: as given, or the study's folder in $THAWTUNE_RUNS or runs/.

    Args:
        given: A folder, or a URL, or neither.
        study: Its name.

    Raises:
        InputError: If that is in a job's working directory, a copy which is deleted in the end.
    """
    runs = os.environ.get(RUNS) or "runs"
    place = str(given or f"{runs.rstrip('/')}/{study}")
    is_copy = "working_dir" in job_environment() and "://" not in place
    if is_copy and Path(place).resolve().is_relative_to(Path.cwd().resolve()):
        raise InputError(
            f"{place} is in this job's working directory, which Ray deletes with the job. Give a "
            f"folder that all machines see, by --run or as {RUNS}."
        )
    return place
