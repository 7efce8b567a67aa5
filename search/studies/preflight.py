"""`thawtune data`, and the preflight of a search: with a progress bar on a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from spaces.studies.dataset import DatasetSection
from spaces.studies.study_file import find_study, load_study
from trainables.datasets.files.location import located
from trainables.datasets.files.threads import Progress as Told
from trainables.datasets.preflight.contact_sheet import contact_sheet, random_positions
from trainables.datasets.preflight.examine import examine, preflight
from trainables.datasets.preflight.record import Preflight
from trainables.datasets.rows.loading import read_splits
from trainables.datasets.sets.recorded import RecordedSets

_IMAGES_ON_THE_SHEET = 40


def examine_study(
    name: str, data: Path | None, console: Console
) -> tuple[DatasetSection, Preflight]:
    """Run the preflight of a study's dataset; its errors are part of the result.

    Raises:
        InputError: If there is no such study.
        DataError: If the dataset cannot be found.
    """
    path = find_study(name)
    study = load_study(path)
    section = located(study.dataset, study.name, data)
    with progress_bar(console) as progress:
        return section, examine(section, study.name, progress=progress)


def checked_data(section: DatasetSection, name: str, console: Console) -> Preflight:
    """Run the preflight of a dataset before a search.

    Raises:
        DataError: If the dataset cannot be used as it is.
    """
    with progress_bar(console) as progress:
        return preflight(section, name, progress=progress)


def write_contact_sheet(section: DatasetSection, sets: RecordedSets | None, path: Path) -> None:
    """Write a picture of random training images with their classes.

    Args:
        section: Where the dataset is.
        sets: Of the run, or None where there is no run.
        path: A PNG file.

    Raises:
        DataError: If the dataset cannot be used as it is.
    """
    index, splits = read_splits(section, sets)
    contact_sheet(index, random_positions(splits.train, _IMAGES_ON_THE_SHEET)).save(path)


@contextmanager
def progress_bar(console: Console) -> Iterator[Told | None]:
    """A progress bar of decoded images; None if the console is not a terminal."""
    if not console.is_terminal:
        yield None
        return
    with Progress(console=console, transient=True) as bar:
        task = bar.add_task("reading images", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
