"""Creating a run's folder, or resuming an existing run: checked first, then written, locked."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from search.driver.finished import is_finished
from search.driver.options import Options
from search.driver.search import create_run
from search.live.lock import locked, writable
from search.records import events
from search.records.history import History
from search.records.ledger import Ledger, read_ledger
from search.records.run import Run, make_folder, write_whole
from search.records.run_sets import checked_sets
from search.studies.preflight import checked_data, progress_bar, write_contact_sheet
from search.studies.validate import load_checked
from spaces.errors import InputError, RunStateError
from spaces.studies.study import Study
from trainables.cache.remote_copies import check_storage
from trainables.datasets.files.location import located
from trainables.datasets.preflight.record import Preflight
from trainables.datasets.sets.recorded import RecordedSets

StudySource = AbstractContextManager[Path]
"""A study file while the context is open: one that is there, or one that is written for photos."""


@dataclass(frozen=True)
class Prepared:
    """A search that nothing speaks against; nothing has been written yet.

    Attributes:
        study: The study to search.
        options: The options that hold.
        begun: Writes to the run what is new; a run that is new is locked while it is open.
        has_finished: Whether there is nothing left to do.
    """

    study: Study
    options: Options
    begun: AbstractContextManager[None]
    has_finished: bool = False


@contextmanager
def prepared(
    run: Run, source: StudySource | None, given: Options, resume: bool, console: Console
) -> Iterator[Prepared]:
    """Check a run that is to be searched, new or resumed; one that exists is locked meanwhile.

    Nothing is written before the study, the data and the run have been checked. What a refused
    command finds, it leaves as it is.

    Args:
        run: The run to create or resume; its folder may not exist yet.
        source: Gives the study file as it is now; None takes the run's own study.
        given: The options of this command. Where they say nothing, those of the run hold.
        resume: Resume the run if there is one.
        console: Shows the progress of the preflight.

    Raises:
        InputError: If there is a run already and `resume` is false, or none and no study,
            or features cannot be shared at the URL that was given for them.
        DataError: If the dataset cannot be used.
        RunStateError: If the run belongs to a different study, or another process drives it.
        ChangedDataError: If an image of the run is missing or has changed.
    """
    check_storage()
    if is_unborn(run):
        study = _new_study(run, source, given, console)
        found = checked_data(study.dataset, study.name, console)
        yield Prepared(study, given, created(run, study, found, given))
        return
    if not resume:
        refuse_existing(run)
    run.study()  # raises if this is no run, before locking creates a file
    with locked(run):
        yield _take_up(run, source, given, console)


@contextmanager
def created(run: Run, study: Study, found: Preflight, options: Options) -> Iterator[None]:
    """Create a run, and hold its lock.

    Raises:
        InputError: If its folder cannot be made.
        RunStateError: If another process has been faster, or the folder cannot be written to.
    """
    try:
        make_folder(run)
    except OSError as error:
        raise InputError(
            f"The folder {run.folder} cannot be made: {error.strerror or error}. Give another one "
            "with --run."
        ) from error
    with locked(run):
        if not is_unborn(run):
            raise RunStateError(
                f"Another process has just started the run in {run.place}. To continue it when it "
                f"has ended: {run.command('resume')}"
            )
        with writable(run):
            create_run(run, study, found, options.to_dict())
            write_contact_sheet(study.dataset, found.sets, run.contact_sheet)
        yield


def refuse_existing(run: Run) -> None:
    """Refuse a folder in which something exists already.

    Raises:
        InputError: If there is a run, or other files.
    """
    if not is_unborn(run):
        raise InputError(
            f"{run.place} exists already. To continue the run in it: {run.command('resume')}. For "
            "a new run give another folder with --run."
        )


def is_unborn(run: Run) -> bool:
    """Whether there is no run yet: the ledger, created last, is empty, and no other file exists."""
    if not run.folder.exists():
        return True
    if not run.folder.is_dir():
        raise InputError(f"{run.place} is a file. Give the folder of a run.")
    made_first = (run.study_file.name, run.data.name, run.sets.name, run.ledger.name)
    others = [f for f in run.folder.iterdir() if not f.name.startswith((".", *made_first))]
    return not others and not (run.ledger.is_file() and read_ledger(run.ledger))


def _new_study(run: Run, source: StudySource | None, given: Options, console: Console) -> Study:
    """The study of a new run: the file's, or one that a killed process left before it began."""
    if source is None and not run.study_file.is_file():
        raise InputError(
            f"There is no run in {run.place} to resume. thawtune list shows the runs in a folder; "
            "thawtune search starts one, given a study."
        )
    return _load(source or nullcontext(run.study_file), given, console)


def _load(source: StudySource, options: Options, console: Console) -> Study:
    data = None if options.data is None else Path(options.data)
    with source as path, progress_bar(console) as progress:
        checked = load_checked(path, data, bool(options.skip_bad), progress)
    return options.applied(checked)


def _take_up(run: Run, source: StudySource | None, given: Options, console: Console) -> Prepared:
    """The study to resume with."""
    history, then = run.history(), run.study()
    options = given.over(Options.recorded(history.options))
    if source is None:
        wanted = options.applied(then)
        section = located(wanted.dataset, wanted.name, given.data)
        wanted = wanted.model_copy(update={"dataset": section})
    else:
        wanted = _load(source, options, console)
    _check_same(run, then, wanted)
    _check_trials(run, wanted, history)
    _, sets = checked_sets(
        run, wanted, None, lambda text: console.print(text, highlight=False, soft_wrap=True)
    )
    is_same = (history.study_hash, history.options) == (wanted.hash, options.to_dict())
    change = None if is_same else events.study_changed(wanted.hash, options.to_dict())
    has_finished = is_same and is_finished(run, history)
    return Prepared(wanted, options, _updated(run, wanted, sets, change), has_finished)


@contextmanager
def _updated(
    run: Run, wanted: Study, sets: RecordedSets, change: events.Event | None
) -> Iterator[None]:
    """Write to a run what may change and has changed, and its sets if an older version made it."""
    with writable(run):
        if not run.sets.is_file():
            write_whole(run.sets, sets.to_parquet())
        if change is not None:
            with Ledger(run.ledger) as ledger:
                ledger.append(change)
        if run.study().hash != wanted.hash:
            write_whole(run.study_file, wanted.to_yaml())
    yield


def _check_same(run: Run, then: Study, now: Study) -> None:
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
            + f"\nTo continue with the study as run: {run.command('resume')}. To search the "
            "changed one, start a new run with --run."
        )


def _check_trials(run: Run, study: Study, history: History) -> None:
    """Refuse a study of the run itself that has been edited: its trials lie outside its space."""
    for trial in history.trials.values():
        try:
            study.search_space.choices_of(trial.point)
        except ValueError as error:
            raise RunStateError(
                f"{run.study_file} has changed since this run started: trial {trial.number} lies "
                f"outside its space ({'; '.join(str(error).splitlines())}). Undo the change, or "
                "search the changed study with another --run."
            ) from error


def _without_what_may_change(study: Study) -> str:
    """The study as YAML, without trial count, time limit, finalists, dataset path, and resources.

    Of these, what features are stored as stays: trials would differ by its rounding.
    """
    defaults = study.model_copy(
        update={
            "budget": study.budget.model_copy(update={"trials": 1, "seconds": None}),
            "dataset": study.dataset.model_copy(update={"path": None}),
            "resources": type(study.resources)(feature_dtype=study.resources.feature_dtype),
            "finalists": type(study.finalists)(),
        }
    )
    return defaults.to_yaml()
