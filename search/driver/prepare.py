"""Creating a run's folder, or resuming an existing run."""

from __future__ import annotations

import difflib

from rich.console import Console

from search.driver.search import create_run
from search.live.live_run import locked
from search.records import events
from search.records.ledger import Ledger, read_ledger
from search.records.run import Run, write_whole
from search.records.run_sets import checked_sets
from search.studies.preflight import checked_data, write_contact_sheet
from spaces.errors import InputError, RunStateError
from spaces.study import Study
from spaces.study_file import parse_study
from trainables.cache.remote_copies import check_storage


def prepare(
    run: Run, study: Study, trials: int | None, resume: bool, console: Console
) -> tuple[Run, Study]:
    """Prepare the run to search in, and the study with the wanted number of trials.

    Args:
        run: The run to create or resume; its folder may not exist yet.
        study: The study file as it is now.
        trials: Number of trials instead of the study's, or None.
        resume: Resume the existing run.
        console: Shows the progress of a new run's preflight.

    Raises:
        InputError: If the folder exists without `resume`, or is missing with it, or features cannot
            be shared at the URL that was given for them.
        DataError: If the dataset cannot be used.
        RunStateError: If the run belongs to a different study, or another process drives it.
        ChangedDataError: If an image of the run is missing or has changed.
    """
    check_storage()
    wanted, folder = _with_trials(study, trials), run.place
    if not resume:
        refuse_existing(run)
    if resume and not run.folder.exists():
        raise InputError(
            f"There is no run in {folder} to resume. Omit --resume to start a new one."
        )
    if _is_unborn(run):
        found = checked_data(wanted.dataset, wanted.name, console)
        create_run(run, wanted, found)
        write_contact_sheet(wanted.dataset, found.sets, run.contact_sheet)
    else:
        run.study()  # raises if this is no run, before locking creates a file
        with locked(run):
            _take_up(run, wanted, console)
    return run, wanted


def refuse_existing(run: Run) -> None:
    """Refuse a folder in which something exists already.

    Raises:
        InputError: If there is a run, or other files.
    """
    if not _is_unborn(run):
        raise InputError(
            f"{run.place} exists already. Resume it with --resume, or give another with --run."
        )


def _is_unborn(run: Run) -> bool:
    """Whether there is no run yet: the ledger, created last, is empty, and no other file exists."""
    if not run.folder.exists():
        return True
    made_first = (run.study_file.name, run.data.name, run.sets.name, run.ledger.name)
    others = [f for f in run.folder.iterdir() if not f.name.startswith((".", *made_first))]
    return not others and not (run.ledger.is_file() and read_ledger(run.ledger))


def _take_up(run: Run, wanted: Study, console: Console) -> None:
    then = run.study()
    _check_same(then, wanted)
    _, sets = checked_sets(
        run, wanted, None, lambda text: console.print(text, highlight=False, soft_wrap=True)
    )
    try:
        if not run.sets.is_file():
            write_whole(run.sets, sets.to_parquet())
        if then.hash != wanted.hash:
            with Ledger(run.ledger) as ledger:
                ledger.append(events.study_changed(wanted.hash))
            write_whole(run.study_file, wanted.to_yaml())
    except OSError as error:
        raise RunStateError(f"{run.folder} cannot be written: {error.strerror}.") from error


def _with_trials(study: Study, trials: int | None) -> Study:
    if trials is None:
        return study
    raw = study.to_dict()
    changed, _ = parse_study(raw | {"budget": raw["budget"] | {"trials": trials}})
    if changed is None:
        raise InputError(f"{study.name} cannot be run with {trials} trials.")
    return changed


def _check_same(then: Study, now: Study) -> None:
    """Refuse a study in which anything has changed that must stay the same during a run."""
    before, after = (_without_what_may_change(study).splitlines() for study in (then, now))
    if before != after:
        difference = [
            line
            for line in difflib.unified_diff(before, after, "as run", "now", lineterm="", n=1)
            if not line.startswith("@@")
        ]
        raise RunStateError(
            "The study has changed since this run started:\n  "
            + "\n  ".join(difference)
            + "\nUndo the change, or start a new run with --run."
        )


def _without_what_may_change(study: Study) -> str:
    """The study without trial count, time limit, resources, finalists and dataset path, as YAML."""
    defaults = study.model_copy(
        update={
            "budget": study.budget.model_copy(update={"trials": 1, "seconds": None}),
            "dataset": study.dataset.model_copy(update={"path": None}),
            "resources": type(study.resources)(),
            "finalists": type(study.finalists)(),
        }
    )
    return defaults.to_yaml()
