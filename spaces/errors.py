"""The errors that users see, and their exit codes.

    ThawtuneError
    ├── InputError                 exit 2: bad input, nothing was written
    │   ├── StudyError             a study file, with every problem at once
    │   ├── DataError              a dataset that cannot be used
    │   │   └── ChangedDataError   exit 4: a run's images are no longer those it began with
    │   └── WeightsError           pretrained weights that cannot be used
    ├── EveryTrialFailedError      exit 3
    ├── RunStateError              exit 4: the run's files cannot be used
    └── InterruptedSearchError     exit 130 or 143: ended by a signal, everything saved

    TrialFailedError                   one trial failed; the search continues

A message says what happened with its values, what was expected, and how to fix it.
"""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import Any

_REMEDIES = {
    errno.ENOSPC: "Make room there",
    errno.EDQUOT: "Make room there, or have the quota raised",
    errno.EROFS: "Mount it for writing",
    errno.EACCES: "Let this user write there",
    errno.EPERM: "Let this user write there",
    errno.EMFILE: "Raise the number of open files (ulimit -n)",
    errno.ENFILE: "Raise the number of open files of the system",
    errno.ENAMETOOLONG: "Use a shorter path",
    errno.ENOTDIR: "Remove the file that is where a folder should be",
    errno.EEXIST: "Remove the file that is where a folder should be",
    errno.ENOENT: "Create the folder again, or mount it",
    errno.ESTALE: "Mount it again",
    errno.EIO: "Check the disk",
    errno.ENOLCK: "Mount it with locks (of NFS: its lock service must run)",
    errno.ENOTSUP: "Use a file system that has what was asked for",
}


def remedy(error: OSError) -> str:
    """How to mend an error of the operating system in writing a file, without a full stop."""
    return _REMEDIES.get(error.errno or 0, "Check the disk or network that it is on")


class ThawtuneError(Exception):
    """An error that ends the process with a message and `exit_code`."""

    exit_code = 1


class InputError(ThawtuneError):
    """The user's input is wrong; nothing was written."""

    exit_code = 2


class StudyError(InputError):
    """A study file cannot be run as it is.

    Attributes:
        problems: One sentence for each problem, with its place in the file.
    """

    def __init__(self, title: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([title, *(f"  {problem}" for problem in self.problems)]))


class DataError(InputError):
    """A dataset is missing or damaged, or cannot be split as requested."""


class ChangedDataError(DataError):
    """A run's images are no longer those that it began with."""

    exit_code = 4


class WeightsError(InputError):
    """Pretrained weights are missing, damaged or do not fit the network."""


class EveryTrialFailedError(ThawtuneError):
    """A search ended without a single successful trial."""

    exit_code = 3


class RunStateError(ThawtuneError):
    """The files of a run do not allow what was asked."""

    exit_code = 4


class InterruptedSearchError(ThawtuneError):
    """A search was ended by a signal; its results so far are saved.

    Args:
        message: The message.
        signal_number: Number of the signal.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        self.exit_code = 128 + signal_number
        super().__init__(message)


class TrialFailedError(Exception):
    """One trial failed. The failure is recorded as a result, and the search continues.

    Attributes:
        reason: One of `REASONS`.
    """

    REASONS = ("non_finite", "out_of_memory", "data", "worker_lost", "error")

    def __init__(self, reason: str, message: str) -> None:
        if reason not in self.REASONS:
            raise ValueError(f"reason must be one of {self.REASONS}, not {reason!r}")
        self.reason = reason
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled with its reason too: it is raised in workers."""
        return type(self), (self.reason, str(self))
