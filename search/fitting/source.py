"""What `fit` and its sisters are given: a study, or photos that are recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from spaces.studies.dataset import DatasetSection
from spaces.studies.study_file import find_study, study_names
from spaces.texts import name_of

DEFAULT_MINUTES = 30.0
"""For photos, if nothing is said; a study has its own budget."""

_STUDY_ENDINGS = (".yaml", ".yml")


@dataclass(frozen=True)
class Source:
    """A study or photos.

    Attributes:
        name: Name of the study, also of the one that is written for photos.
        path: Of the study file, or of the photos.
        section: Where the photos are and how they are read; None for a study.
    """

    name: str
    path: Path
    section: DatasetSection | None


def source_of(given: str) -> Source:
    """A study by its path or its name in spaces/, or photos by their path.

    Raises:
        InputError: If there is neither.
        DataError: If the photos are in no known layout.
    """
    path = Path(given).expanduser()
    is_study = path.suffix.lower() in _STUDY_ENDINGS
    if given in study_names() or is_study or not path.exists():
        found = find_study(given)
        return Source(name_of(found.stem), found, None)
    path = path.resolve()
    return Source(_name_of(path), path, _recognised(path))


def minutes_for(source: Source, minutes: float | None) -> float | None:
    """The minutes that were asked for, or the default; None leaves a study its own budget."""
    return DEFAULT_MINUTES if minutes is None and source.section is not None else minutes


def _recognised(path: Path) -> DatasetSection:
    """The section that reads the photos; images that cannot be decoded are left out, and told."""
    from trainables.datasets.formats.recognise import recognise

    return recognise(path).model_copy(update={"skip_bad": True})


def _name_of(path: Path) -> str:
    """A study's name after a file or folder."""
    stem = path.name if path.is_dir() else path.name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("_.-") or "photos"
