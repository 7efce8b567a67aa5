"""The sets of a run, read from its data.parquet by every command that needs images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from search.records.result_files import DATA
from search.records.run import Run
from spaces.errors import ChangedDataError, RunStateError
from spaces.studies.dataset import DatasetSection
from spaces.studies.study import Study
from trainables.datasets.files.location import located
from trainables.datasets.preflight.examine import preflight
from trainables.datasets.rows.loading import reread
from trainables.datasets.sets.recorded import RecordedSets

_NAMED = 3


def sets_of(run: Run, section: DatasetSection) -> RecordedSets:
    """The sets that were fixed when a run started.

    A run of an older version has no data.parquet. Its dataset is split again, which gives the same
    sets as long as nothing in the dataset has changed.

    Args:
        run: The run.
        section: The dataset of the study; its path is where the dataset is now.

    Raises:
        RunStateError: If the file is damaged.
        ChangedDataError: If there is no file and the dataset has changed.
    """
    if run.sets.is_file():
        try:
            return RecordedSets.from_parquet(run.sets.read_bytes())
        except ValueError as error:
            raise RunStateError(
                f"{run.shown(run.sets)} is damaged: {error}. Restore it from a copy of the run; "
                "without it, the images of the test set are unknown."
            ) from error
    found = preflight(section, run.study().name)
    before = (run.read_json(run.data, DATA) or {}).get("fingerprint")
    if before != found.fingerprint:
        raise ChangedDataError(
            f"The images or their labels have changed since this run started: the {found.images} "
            f"images have the fingerprint {found.fingerprint[:12]}, before it was "
            f"{str(before)[:12]}. The run was made by an older version and has no data.parquet, so "
            "its sets cannot be restored. Restore the dataset, or start a new run with --run."
        )
    return found.sets


def checked_sets(
    run: Run, study: Study, data: Path | None, say: Callable[[str], None]
) -> tuple[DatasetSection, RecordedSets]:
    """Locate a run's dataset and check that its training and validation images are unchanged.

    Args:
        run: The run.
        study: The study of the run.
        data: Where the dataset is, if it has moved.
        say: Called with a message if images have been added; they are left out.

    Raises:
        DataError: If the dataset is missing.
        ChangedDataError: If a training or validation image is missing or has changed.
    """
    section = located(study.dataset, study.name, data)
    sets = sets_of(run, section)
    added = reread(section, sets).added
    if added:
        names = ", ".join(added[:_NAMED]) + (", …" if len(added) > _NAMED else "")
        say(
            f"{len(added):,} images added since the run started are left out: {names}. "
            "A new run would include them."
        )
    return section, sets
