"""What `fit` and its sisters are given: a study, or photos that are recognised."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spaces.errors import StudyError
from spaces.studies.dataset import DatasetSection
from spaces.studies.study_file import StudyFile, find_study, parse_study, study_names
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
        has_shares: Whether the section says how the photos are split.
    """

    name: str
    path: Path
    section: DatasetSection | None
    has_shares: bool = False


def source_of(given: str) -> Source:
    """A study by its path or its name in spaces/, or photos by their path.

    A study file that has nothing but a dataset section stands for photos that are read as it says.

    Raises:
        InputError: If there is neither.
        StudyError: If a file's dataset section is wrong.
        DataError: If the photos are in no known layout.
    """
    path = Path(given).expanduser()
    is_study = path.suffix.lower() in _STUDY_ENDINGS
    if given in study_names() or is_study or not path.exists():
        return _of_file(find_study(given))
    path = path.resolve()
    return Source(_name_of(path), path, _recognised(path))


def minutes_for(source: Source, minutes: float | None) -> float | None:
    """The minutes that were asked for, or the default; None leaves a study its own budget."""
    return DEFAULT_MINUTES if minutes is None and source.section is not None else minutes


def _recognised(path: str | Path) -> DatasetSection:
    """The section that reads the photos; images that cannot be decoded are left out, and told."""
    from trainables.datasets.formats.recognise import recognise

    return recognise(path).model_copy(update={"skip_bad": True})


def _of_file(path: Path) -> Source:
    """A study, or photos where the file has a dataset section alone."""
    file, name = StudyFile(path), name_of(path.stem)
    given = file.dataset_alone
    if given is None:
        return Source(name, path, None)
    has_format = not given.keys().isdisjoint(("format", "label_pattern"))
    keys: dict[str, Any] = {"skip_bad": True, "format": "folders"} | given
    if not has_format and isinstance(given.get("path"), str):
        keys = _recognised(given["path"]).model_dump(exclude_unset=True) | given
    _, problems = parse_study({"dataset": keys})
    wrong = [file.sentence(one) for one in problems if one.place[:1] == ("dataset",)]
    if wrong:
        raise StudyError(f"{path} does not say how to read photos:", wrong)
    section = DatasetSection.model_validate(keys)
    return Source(name, path, section, bool({"validation", "test"} & given.keys()))


def _name_of(path: Path) -> str:
    """A study's name after a file or folder."""
    stem = path.name if path.is_dir() else path.name.split(".")[0]
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", stem).strip("_.-") or "photos"
