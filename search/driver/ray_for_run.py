"""Ray for a search: started or joined before the first byte is written, and how to go on after it.

An address where there is no cluster any more, or a machine on which Ray cannot start, is then
refused like any other bad input, and the run is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ray.exceptions import RayError
from ray.tune import TuneError

from search.cluster.lost_ray import LostRayError
from search.cluster.ray_job import is_job
from search.cluster.ray_session import ray_running
from search.driver.options import Options
from search.records.run import Run
from spaces.errors import RunStateError

LOCAL = "local"
"""The address that stands for a new Ray on this machine."""


def address_of(given: Options, options: Options) -> str | None:
    """The address of the cluster to search on; None: a new Ray, or the cluster of this job.

    Args:
        given: The options of this command.
        options: Those that hold, the run's among them. A job searches on its own cluster, whatever
            its run has used before.
    """
    found = given.address or (None if is_job() else options.address)
    return None if found == LOCAL else found


@contextmanager
def ray_for(run: Run, address: str | None) -> Iterator[None]:
    """Start or join the Ray that a run's trials need, while the context is open.

    Raises:
        InputError: As `ray_running`.
        RunStateError: In place of an error of Ray, and how to resume.
    """
    try:
        with ray_running(address):
            yield
    except (RayError, TuneError, LostRayError) as error:
        if not run.ledger.is_file():
            raise
        is_told = isinstance(error, LostRayError)
        raise RunStateError(
            ("" if is_told else "Ray has failed: ")
            + f"{_last_line(error)}. Everything so far is saved in {run.place}, and --debug shows "
            f"more. Resume with: {run.command('resume')}"
        ) from error


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].rstrip(".")
