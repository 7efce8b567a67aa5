"""Loading a study file: the study, or every problem at once with its line."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from spaces.backbones import is_keras_file
from spaces.errors import InputError, StudyError
from spaces.studies.dataset import DatasetSection
from spaces.studies.parameter_specs import Problem
from spaces.studies.reading import Reading, read_space
from spaces.studies.study import Budget, Study
from spaces.studies.yaml_file import YamlFile

FOLDER = Path(__file__).parents[1]


def study_names() -> list[str]:
    """Names of the bundled studies."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def find_study(name_or_path: str) -> Path:
    """The file of a study, given its path or its name in spaces/.

    Raises:
        InputError: If it does not exist.
    """
    own = FOLDER / f"{name_or_path}.yaml"
    if name_or_path in study_names():
        return own
    path = Path(name_or_path)
    if path.is_file():
        return path
    near = difflib.get_close_matches(name_or_path, study_names(), n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Bundled studies: {', '.join(study_names())}."
    raise InputError(
        f"There is no study {name_or_path!r}: neither a file nor photos with this path, nor a name "
        f"in spaces/. {hint}"
    )


def load_study(path: Path) -> Study:
    """Read and check a study file.

    Raises:
        InputError: If the file cannot be read.
        StudyError: If it is not a valid study, with every problem.
    """
    file = StudyFile(path)
    if file.study is None:
        raise StudyError(f"{path} cannot be run:", [file.sentence(p) for p in file.problems])
    return file.study


class StudyFile:
    """A study file, as far as it can be parsed.

    Attributes:
        study: The study, or None if anything is wrong with it.
        problems: Everything that is wrong.
        dataset: The dataset section, if it is valid.
        reading: The space and recipes, as far as they are valid, or None if there are none.

    Raises:
        InputError: If the file cannot be read.
        StudyError: If it is not YAML, or not a mapping.
    """

    def __init__(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"The study file {path} cannot be read: {error}.") from error
        try:
            self._yaml = YamlFile(text)
        except ValueError as error:
            raise StudyError(f"{path} is not YAML:", [str(error)]) from error
        if not isinstance(self._yaml.value, dict):
            raise StudyError(f"{path} is not a study:", ["expected keys such as dataset and space"])
        raw = {"name": os.fsencode(path.stem).decode("utf-8", "backslashreplace")}
        raw = _with_whole_paths(raw | self._yaml.value, path.absolute().parent)
        self.reading = _read_space(raw)
        self.dataset = _dataset(raw)
        self.study, self.problems = parse_study(raw)

    @property
    def dataset_alone(self) -> dict[str, Any] | None:
        """The keys of the dataset section, if the file has no other section; else None."""
        value: dict[str, Any] = self._yaml.value or {}
        section = value.get("dataset")
        if set(value) - {"name", "dataset"} or not isinstance(section, dict):
            return None
        return dict(section)

    def sentence(self, problem: Problem) -> str:
        """A problem as a message with its line and place."""
        line = self._yaml.line_of(problem.place)
        place = ".".join(map(str, problem.place))
        return f"line {line}, {place}: {problem.text}" if line else f"{place}: {problem.text}"


def _with_whole_paths(raw: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The study with backbones and weights that are files by their whole paths.

    They are read relative to the study's folder, since trials run in others.
    """

    def whole(values: Any, is_file: Callable[[str], bool]) -> Any:
        if isinstance(values, dict):
            choices = {"choices": whole(values["choices"], is_file)} if "choices" in values else {}
            return values | choices
        if isinstance(values, list):
            return [whole(value, is_file) for value in values]
        if not isinstance(values, str) or not is_file(values):
            return values
        return str((folder / Path(values).expanduser()).resolve())

    def conditions(values: Any) -> Any:
        if isinstance(values, list):
            return [conditions(value) for value in values]
        if not isinstance(values, dict) or "when" not in values:
            return values
        return values | {"when": files(values["when"])}

    def files(values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return values | {
            key: whole(values[key], is_file) for key, is_file in _FILES.items() if key in values
        }

    def section(values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        return {key: conditions(value) for key, value in files(values).items()}

    written = dict(raw)
    for name in ("base", "space"):
        written[name] = section(raw[name]) if name in raw else None
    if isinstance(raw.get("recipes"), dict):
        written["recipes"] = {name: files(recipe) for name, recipe in raw["recipes"].items()}
    return {name: value for name, value in written.items() if name in raw}


def _is_weights_file(value: str) -> bool:
    return value not in ("imagenet", "none") and "://" not in value


_FILES = {"backbone": is_keras_file, "weights": _is_weights_file}
"""Hyperparameters that may be the path of a file, and when they are."""


def parse_study(raw: Mapping[str, Any]) -> tuple[Study | None, list[Problem]]:
    """A study from plain values, or None and everything that is wrong."""
    try:
        return Study.model_validate(raw), []
    except ValidationError as error:
        reading = _read_space(raw)
        return None, _structural_problems(error) + (reading.problems if reading else [])


def _dataset(raw: Mapping[str, Any]) -> DatasetSection | None:
    section = raw.get("dataset")
    if not isinstance(section, dict):
        return None
    known = {key: value for key, value in section.items() if key in DatasetSection.model_fields}
    try:
        return DatasetSection.model_validate(known)
    except ValidationError:
        return None


def _structural_problems(error: ValidationError) -> list[Problem]:
    # The root's own validator repeats, without places, what _space_problems finds.
    return [
        Problem(tuple(e["loc"]), _in_words(e))
        for e in error.errors()
        if e["loc"] or e["type"] == "grid"
    ]


def _in_words(error: Any) -> str:
    name = error["loc"][-1] if error["loc"] else "searcher"
    if error["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(name), _keys_beside(error["loc"]), n=1)
        return f"{name} is not a valid key{f'; did you mean {near[0]}?' if near else ''}"
    if error["type"] == "missing":
        return f"{name} is missing"
    message = error["msg"].removeprefix("Value error, ")
    if isinstance(error["input"], Mapping):
        return message
    return f"{name} is {error['input']!r}: {message[0].lower()}{message[1:]}"


def _keys_beside(place: tuple[str | int, ...]) -> list[str]:
    model: Any = Study
    for part in place[:-1]:
        annotation = model.model_fields[part].annotation
        sections = [kind for kind in get_args(annotation) if hasattr(kind, "model_fields")]
        model = sections[0] if sections else annotation  # Group | None is a Group
    return list(model.model_fields)


def _read_space(raw: Mapping[str, Any]) -> Reading | None:
    """Parse space and recipes, even if the study is invalid elsewhere."""
    sections = [raw.get(key, {}) for key in ("base", "space", "recipes")]
    if not all(isinstance(section, dict) for section in sections):
        return None
    base, space, recipes = sections
    # Without a space, no recipe can be said to lie outside it.
    named = recipes.items() if "space" in raw else ()
    whole = {name: values for name, values in named if isinstance(values, dict)}
    try:
        max_epochs = Budget.model_validate(raw.get("budget", {})).max_epochs
    except ValidationError:
        max_epochs = Budget().max_epochs
    return read_space(base, space, whole, max_epochs)
