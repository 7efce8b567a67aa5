"""Making a run's folder, or taking up one that is there."""

from __future__ import annotations

import difflib
from pathlib import Path

from rich.console import Console

from search.preflighting import checked_data
from search.records.run import Run, write_whole
from search.runner import create_run
from spaces.errors import InputError, RunStateError
from spaces.study import Study
from spaces.study_file import parse_study


def prepare(
    folder: Path, study: Study, trials: int | None, resume: bool, console: Console
) -> tuple[Run, Study]:
    """The run to go on with, and the study as it is to be run.

    Args:
        folder: Of the run.
        study: As it is written now.
        trials: In place of the study's number, or None.
        resume: Take up the run that is there.
        console: Where the preflight of a new run shows how far it is.

    Raises:
        InputError: If the folder is there and was not to be taken up, or the other way round.
        DataError: If a new run's dataset cannot be used.
        RunStateError: If the run's study is another one.
    """
    wanted = _with_trials(study, trials)
    run = Run(folder)
    if not resume:
        if folder.exists():
            raise InputError(
                f"{folder} exists already. Go on by --resume, or give another folder by --run."
            )
        create_run(run, wanted, checked_data(wanted.dataset, wanted.name, console).to_dict())
        return run, wanted
    if not folder.exists():
        raise InputError(f"There is no run in {folder} to resume. Leave --resume out to begin one.")
    _check_same(run.study(), wanted)
    write_whole(run.study_file, wanted.to_yaml())
    return run, wanted


def _with_trials(study: Study, trials: int | None) -> Study:
    if trials is None:
        return study
    raw = study.to_dict()
    changed, _ = parse_study(raw | {"budget": raw["budget"] | {"trials": trials}})
    if changed is None:
        raise InputError(f"{study.name} cannot be run with {trials} trials.")
    return changed


def _check_same(then: Study, now: Study) -> None:
    """Refuse a study in which more than the number of trials and the time has changed."""
    before, after = (_without_budget(study).splitlines() for study in (then, now))
    if before != after:
        difference = [
            line
            for line in difflib.unified_diff(before, after, "as run", "now", lineterm="", n=1)
            if not line.startswith("@@")
        ]
        raise RunStateError(
            "The study has changed since this run began:\n  "
            + "\n  ".join(difference)
            + "\nUndo the change, or begin a new run by --run."
        )


def _without_budget(study: Study) -> str:
    free = study.budget.model_copy(update={"trials": 1, "seconds": None})
    return study.model_copy(update={"budget": free}).to_yaml()
