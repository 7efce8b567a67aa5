"""The sets of a run: read from its data.parquet by every command that reads images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from search.records.run import Run
from spaces.dataset import DatasetSection
from spaces.errors import ChangedDataError, RunStateError
from spaces.study import Study
from trainables.datasets.files.location import located
from trainables.datasets.preflight.examine import preflight
from trainables.datasets.rows.loading import reread
from trainables.datasets.sets.recorded import RecordedSets

_NAMED = 3


def sets_of(run: Run, section: DatasetSection) -> RecordedSets:
    """The sets that were fixed when a run began.

    A run of an older version has no data.parquet: its dataset is split once more, which gives the
    same sets as long as nothing in it has changed.

    Args:
        run: Whose sets.
        section: Its path is where the dataset is now.

    Raises:
        RunStateError: If the file is damaged.
        ChangedDataError: If there is none, and the dataset is no longer what it was.
    """
    if run.sets.is_file():
        try:
            return RecordedSets.from_parquet(run.sets.read_bytes())
        except ValueError as error:
            raise RunStateError(
                f"{run.shown(run.sets)} is damaged: {error}. Restore it from a copy of the run; "
                "without it nobody knows which images were held back for the test."
            ) from error
    found = preflight(section, run.study().name)
    before = (run.read_json(run.data) or {}).get("fingerprint")
    if before != found.fingerprint:
        raise ChangedDataError(
            f"The images or their labels have changed since this run began: {found.images} images "
            f"with the fingerprint {found.fingerprint[:12]}, then {str(before)[:12]}. The run is "
            "older than data.parquet, so that its sets cannot be restored from the new images. "
            "Put the dataset back as it was, or begin a new run by --run."
        )
    return found.sets


def checked_sets(
    run: Run, study: Study, data: Path | None, say: Callable[[str], None]
) -> tuple[DatasetSection, RecordedSets]:
    """Where a run's dataset is, and its sets, found unchanged in it.

    Args:
        run: Whose sets.
        study: As run.
        data: Where the dataset is, if it has moved since.
        say: Called with a sentence if images have come since; they are left out.

    Raises:
        DataError: If the dataset is not there.
        ChangedDataError: If a training or validation image has gone or changed.
    """
    section = located(study.dataset, study.name, data)
    sets = sets_of(run, section)
    added = reread(section, sets).added
    if added:
        names = ", ".join(added[:_NAMED]) + (", …" if len(added) > _NAMED else "")
        say(
            f"{len(added):,} images that have come since the run began are left out: {names}. "
            "A new run takes them in."
        )
    return section, sets
