"""What can go wrong, as the user meets it.

    ThawtuneError
    ├── InputError                 exit 2: something given is wrong, nothing was written
    │   ├── StudyError             a study file, with every problem at once
    │   ├── DataError              a dataset that cannot be used
    │   │   └── ChangedDataError   exit 4: a run's images are no longer those it began with
    │   └── WeightsError           pretrained weights that cannot be used
    ├── EveryTrialFailedError      exit 3
    ├── RunStateError              exit 4: the run's files cannot be used
    └── InterruptedSearchError     exit 130 or 143: ended by a signal, everything saved

    TrialFailedError                   one trial failed; the search goes on

A message says what happened with its values, what was expected, and how to mend it.
"""

from __future__ import annotations

from collections.abc import Sequence


class ThawtuneError(Exception):
    """An error that a user reads as a sentence, and a process ends with `exit_code`."""

    exit_code = 1


class InputError(ThawtuneError):
    """Something given by the user is wrong; nothing was written."""

    exit_code = 2


class StudyError(InputError):
    """A study cannot be run as it is written.

    Attributes:
        problems: One sentence for each thing that is wrong, with its place in the file.
    """

    def __init__(self, title: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([title, *(f"  {problem}" for problem in self.problems)]))


class DataError(InputError):
    """A dataset is missing, damaged or cannot be split as asked."""


class ChangedDataError(DataError):
    """A run's images are no longer those that it began with."""

    exit_code = 4


class WeightsError(InputError):
    """Pretrained weights are missing, damaged or do not fit the network."""


class EveryTrialFailedError(ThawtuneError):
    """A search ended without a single trial that worked."""

    exit_code = 3


class RunStateError(ThawtuneError):
    """The files of a run do not allow what was asked."""

    exit_code = 4


class InterruptedSearchError(ThawtuneError):
    """A search was ended by a signal; what it had done is saved.

    Args:
        signal_number: Which one.
    """

    def __init__(self, message: str, signal_number: int) -> None:
        self.exit_code = 128 + signal_number
        super().__init__(message)


class TrialFailedError(Exception):
    """One trial failed in a way that is a result: it is recorded and the search goes on.

    Attributes:
        reason: One of `REASONS`.
    """

    REASONS = ("non_finite", "out_of_memory", "data", "worker_lost", "error")

    def __init__(self, reason: str, message: str) -> None:
        if reason not in self.REASONS:
            raise ValueError(f"reason must be one of {self.REASONS}, not {reason!r}")
        self.reason = reason
        super().__init__(message)
