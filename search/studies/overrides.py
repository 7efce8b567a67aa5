"""Options of the command line in the place of what a study says: seed, CPUs, time."""

from __future__ import annotations

from typing import Any

from spaces.errors import StudyError
from spaces.studies.study import Study
from spaces.studies.study_file import parse_study


def overridden(
    study: Study,
    seed: int | None = None,
    cpu: float | None = None,
    concurrent: int | None = None,
    minutes: float | None = None,
    gpu: float | None = None,
    trials: int | None = None,
) -> Study:
    """The study with some of its values replaced; None keeps what it says.

    Args:
        study: As its file says.
        seed: Of the split, of everything random in the search, and of all trials.
        cpu: CPUs of each trial.
        concurrent: Largest number of trials at once.
        minutes: Time of the search.
        gpu: GPUs of each trial, or a share of one.
        trials: Number of trials.

    Raises:
        StudyError: If the study cannot have these values.
    """
    resources = {"cpu": cpu, "concurrent": concurrent, "gpu": gpu}
    seconds = None if minutes is None else 60 * minutes
    raw = study.to_dict()
    changed: dict[str, Any] = raw | _given({"seed": seed})
    changed["dataset"] = raw["dataset"] | _given({"seed": seed})
    changed["resources"] = raw["resources"] | _given(resources)
    changed["budget"] = raw["budget"] | _given({"seconds": seconds, "trials": trials})
    if changed == raw:
        return study
    found, problems = parse_study(changed)
    if found is None:
        raise StudyError(
            f"{study.name} cannot be run with these options:", [p.text for p in problems]
        )
    return found


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
