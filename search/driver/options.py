"""The options of `thawtune search` and `resume`: they override the study and stay with the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from search.studies.overrides import overridden
from spaces.studies.study import Study


@dataclass(frozen=True)
class Options:
    """What the command line said; None where it said nothing, and the study or the run decides.

    Attributes:
        trials: Number of trials.
        minutes: Time limit of the whole search, over all the processes that drive it.
        seed: Seed of the split, of the search and of all trials.
        cpu: CPUs per trial.
        gpu: GPUs per trial, or a share of one.
        concurrent: Largest number of concurrent trials.
        data: Where the dataset is.
        skip_bad: True leaves out images that cannot be decoded.
        address: Ray cluster to join, or "local".
    """

    trials: int | None = None
    minutes: float | None = None
    seed: int | None = None
    cpu: float | None = None
    gpu: float | None = None
    concurrent: int | None = None
    data: str | None = None
    skip_bad: bool | None = None
    address: str | None = None

    @classmethod
    def recorded(cls, options: Mapping[str, Any]) -> Options:
        """The options that a ledger holds; those of newer versions are ignored."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in options.items() if name in known})

    def to_dict(self) -> dict[str, Any]:
        """The options that were given, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def over(self, earlier: Options) -> Options:
        """These options, and where nothing is given the earlier ones."""
        return Options(**(earlier.to_dict() | self.to_dict()))

    def applied(self, study: Study) -> Study:
        """The study with these options in place of its own values.

        Raises:
            StudyError: If it cannot be run with them.
        """
        return overridden(
            study, self.seed, self.cpu, self.concurrent, self.minutes, self.gpu, self.trials
        )
