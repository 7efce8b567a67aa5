"""Making a run's folder, or taking up one that is there."""

from __future__ import annotations

import difflib

from rich.console import Console

from search.driver.search import create_run
from search.records import events
from search.records.ledger import Ledger, read_ledger
from search.records.run import Run, write_whole
from search.records.run_sets import checked_sets
from search.studies.preflight import checked_data, write_contact_sheet
from spaces.errors import InputError, RunStateError
from spaces.study import Study
from spaces.study_file import parse_study


def prepare(
    run: Run, study: Study, trials: int | None, resume: bool, console: Console
) -> tuple[Run, Study]:
    """The run to go on with, and the study as it is to be run.

    Args:
        run: That is to be; its folder may not be there yet.
        study: As it is written now.
        trials: In place of the study's number, or None.
        resume: Take up the run that is there.
        console: Where the preflight of a new run shows how far it is.

    Raises:
        InputError: If the folder is there and was not to be taken up, or the other way round.
        DataError: If the dataset cannot be used.
        RunStateError: If the run's study is another.
        ChangedDataError: If an image of the run has gone or changed.
    """
    wanted, folder = _with_trials(study, trials), run.place
    if not resume and not _is_unborn(run):
        raise InputError(
            f"{folder} exists already. Go on by --resume, or give another folder by --run."
        )
    if resume and not run.folder.exists():
        raise InputError(f"There is no run in {folder} to resume. Leave --resume out to begin one.")
    if _is_unborn(run):
        found = checked_data(wanted.dataset, wanted.name, console)
        create_run(run, wanted, found)
        write_contact_sheet(wanted.dataset, found.sets, run.contact_sheet)
    else:
        _take_up(run, wanted, console)
    return run, wanted


def _is_unborn(run: Run) -> bool:
    """Whether there is no run yet: the ledger, written last, is not begun, and nothing else is."""
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
    """Refuse a study in which more has changed than what may."""
    before, after = (_without_what_may_change(study).splitlines() for study in (then, now))
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


def _without_what_may_change(study: Study) -> str:
    """All but the number of trials, the time, the machine, the finalists and where the data are."""
    defaults = study.model_copy(
        update={
            "budget": study.budget.model_copy(update={"trials": 1, "seconds": None}),
            "dataset": study.dataset.model_copy(update={"path": None}),
            "resources": type(study.resources)(),
            "finalists": type(study.finalists)(),
        }
    )
    return defaults.to_yaml()
