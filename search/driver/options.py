"""The options of `thawtune search` and `resume`: they override the study and stay with the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from spaces.errors import InputError
from spaces.study import Study
from spaces.study_file import parse_study


@dataclass(frozen=True)
class Options:
    """What the command line said; None where it said nothing, and the study or the run decides.

    Attributes:
        trials: Number of trials.
        minutes: Time limit of the whole search, over all the processes that drive it.
        seed: Seed of the study.
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
            InputError: If it cannot be run with them.
        """
        raw = study.to_dict()
        seconds = None if self.minutes is None else 60 * self.minutes
        changes: dict[str, dict[str, Any]] = {
            "budget": {"trials": self.trials, "seconds": seconds},
            "resources": {"cpu": self.cpu, "gpu": self.gpu, "concurrent": self.concurrent},
        }
        given = {
            section: {name: value for name, value in values.items() if value is not None}
            for section, values in changes.items()
        }
        if not any(given.values()) and self.seed is None:
            return study
        top = {} if self.seed is None else {"seed": self.seed}
        merged = raw | {name: raw[name] | values for name, values in given.items()} | top
        changed, problems = parse_study(merged)
        if changed is None:
            said = "; ".join(f"{'.'.join(map(str, p.place))}: {p.text}" for p in problems)
            raise InputError(f"{study.name} cannot be run with these options: {said}.")
        return changed
