"""All that can be known to be wrong with a study before any compute is spent."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from spaces.backbones import is_keras_file
from spaces.errors import DataError, InputError, StudyError, WeightsError
from spaces.hyperparameters import Hyperparameters
from spaces.parameters import Categorical
from spaces.studies.dataset import DatasetSection
from spaces.studies.parameter_specs import Problem
from spaces.studies.reading import Reading
from spaces.studies.study import Study
from spaces.studies.study_file import StudyFile
from trainables.datasets.files.threads import Progress

_TAKEN_BY_ALL_OF_KERAS = 75
"""Pixels a side; smaller images are too small for some of its applications."""

_BUILT_OF = (
    "backbone",
    "image_size",
    "truncation_layer",
    "boundary_layer",
    "frozen_part",
    "unfrozen_depth",
    "convolutions",
    "convolution_pooling",
)
"""Hyperparameters that decide whether a network can be built and trained."""


def load_checked(
    path: Path,
    data: Path | None = None,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Study:
    """Read a study file and check it against its data and its weights.

    Args:
        path: Of the study file.
        data: Where the dataset is, in place of what the study says.
        skip_bad: Leave out images that cannot be decoded, whatever the study says.
        progress: Told how many steps of how many are done, where images are decoded.

    Returns:
        The study, its dataset's path written out.

    Raises:
        StudyError: With every problem at once.
        InputError: If the file cannot be read.
    """
    file = StudyFile(path)
    problems = [*file.problems]
    section = file.dataset
    if section is not None:
        section = section.model_copy(update={"skip_bad": True}) if skip_bad else section
        section, found = _data_problems(section, path.stem, data, file.reading, progress)
        problems += found
    if file.reading is not None:
        problems += [*_weights_problems(file.reading), *_network_problems(file.reading)]
    if problems or file.study is None or section is None:
        raise StudyError(f"{path} cannot be run:", [file.sentence(p) for p in problems])
    return file.study.model_copy(update={"dataset": section})


def validate(path: Path, progress: Progress | None = None) -> tuple[Study, str | None]:
    """Check a study file as `load_checked` does, as far as that goes without its data.

    Args:
        path: Of the study file.
        progress: As for `load_checked`.

    Returns:
        The study, and why its data could not be checked, or None.

    Raises:
        StudyError: With every problem at once.
        InputError: If the file cannot be read.
    """
    file = StudyFile(path)
    missing = None
    if file.dataset is not None:
        from trainables.datasets.files.location import located

        try:
            located(file.dataset, path.stem)
        except DataError as error:
            missing = str(error)
    if missing is None:
        return load_checked(path, progress=progress), None
    problems = [*file.problems]
    if file.reading is not None:
        problems += [*_weights_problems(file.reading), *_network_problems(file.reading)]
    if problems or file.study is None:
        raise StudyError(f"{path} cannot be run:", [file.sentence(p) for p in problems])
    return file.study, missing


def _data_problems(
    section: DatasetSection,
    name: str,
    data: Path | None,
    reading: Reading | None,
    progress: Progress | None,
) -> tuple[DatasetSection, list[Problem]]:
    """The section with its path, and what is wrong with the data for this study."""
    from trainables.datasets.files.location import located
    from trainables.datasets.rows.loading import read_splits

    try:
        section = located(section, name, data)
        index, splits = read_splits(section, progress=progress)
    except DataError as error:
        return section, [Problem(("dataset",), str(error))]
    problems = []
    if section.classes not in (None, len(index.class_names)):
        text = f"classes is {section.classes}, the data has {len(index.class_names)}"
        problems.append(Problem(("dataset", "classes"), text))
    images = len(splits.train)
    for place, size in _batch_sizes(reading) if reading else ():
        if size > images:
            text = f"batch_size is {size}, the training set has {images} images"
            problems.append(Problem(place, text))
    return section, problems


def _batch_sizes(reading: Reading) -> Iterator[tuple[tuple[str, ...], int]]:
    searched = [p for p in reading.space.parameters if p.name == "batch_size"]
    for parameter in searched:
        sizes = parameter.choices if isinstance(parameter, Categorical) else (parameter.high,)
        yield ("space", "batch_size"), int(max(sizes))
    if not searched:
        yield ("base", "batch_size"), reading.space.base["batch_size"]
    for name, point in reading.recipes.items():
        yield ("recipes", name, "batch_size"), point.batch_size


def _weights_problems(reading: Reading) -> Iterator[Problem]:
    """Weights that are on this machine, or should be; what is downloaded shows in the trial."""
    seen: dict[tuple[str, str], tuple[tuple[str, ...], Hyperparameters]] = {}
    for place, point in _points(reading):
        seen.setdefault((point.backbone, point.weights), (place, point))
    for place, point in seen.values():
        try:
            _check_weights(point)
        except WeightsError as error:
            yield Problem(place, str(error))
        except InputError:
            continue  # the network cannot be built, whatever its weights: said elsewhere


def _network_problems(reading: Reading) -> Iterator[Problem]:
    """Networks that cannot be built, or of which nothing would be trained."""
    built = set()
    for place, point in (*_points(reading), *_smallest_maps(reading)):
        parts = tuple(getattr(point, name) for name in _BUILT_OF)
        if parts in built or not _may_not_be_built(point):
            continue
        built.add(parts)
        from trainables.process.gpu import hide_gpus

        hide_gpus()
        from trainables.networks.network import build_network

        try:
            build_network(dataclasses.replace(point, weights="none"), classes=2)
        except InputError as error:
            yield Problem(place[:-1], str(error))


def _may_not_be_built(point: Hyperparameters) -> bool:
    """Whether there is any doubt; to build each network would take seconds."""
    named = point.truncation_layer is not None or point.boundary_layer is not None
    return named or bool(point.convolution_pooling) or _takes_some_sizes_only(point)


def _takes_some_sizes_only(point: Hyperparameters) -> bool:
    """Whether the image size may be one that the backbone does not take."""
    if is_keras_file(point.backbone):
        return True
    if point.backbone in ("none", "ResNet18") or point.backbone.startswith("EfficientNetLite"):
        return False
    is_picky = point.backbone.startswith(("AlexNet", "ViT", "DINOv2"))
    return is_picky or point.image_size < _TAKEN_BY_ALL_OF_KERAS


def _points(reading: Reading) -> Iterator[tuple[tuple[str, ...], Hyperparameters]]:
    """A point for each backbone with each of its weights, and the recipes."""
    for backbone in _choices(reading, "backbone"):
        for weights in _choices(reading, "weights", backbone=backbone):
            try:
                chosen = {"backbone": backbone, "weights": weights}
                chosen["image_size"] = min(_choices(reading, "image_size", **chosen))
                if is_keras_file(backbone):  # how deep it is shows only when it is built
                    chosen["unfrozen_depth"] = max(_choices(reading, "unfrozen_depth", **chosen))
                point = reading.space.point(chosen)
            except ValueError:
                continue  # named already among the space's problems
            yield ("base", "weights"), point
    for name, point in reading.recipes.items():
        yield ("recipes", name, "weights"), point


def _smallest_maps(reading: Reading) -> Iterator[tuple[tuple[str, ...], Hyperparameters]]:
    """For each backbone, the point of the space whose head pools most, of the smallest images."""
    for backbone in _choices(reading, "backbone"):
        chosen: dict[str, Any] = {"backbone": backbone}
        chosen["image_size"] = min(_choices(reading, "image_size", **chosen))
        chosen["convolutions"] = max(_choices(reading, "convolutions", **chosen), key=len)
        pools = any(_choices(reading, "convolution_pooling", **chosen))
        if not (chosen["convolutions"] and pools):
            continue
        try:
            point = reading.space.point(chosen | {"convolution_pooling": True, "weights": "none"})
        except ValueError:
            continue  # named already among the space's problems
        yield ("space", "convolutions", ""), point


def _choices(reading: Reading, name: str, **chosen: Any) -> list[Any]:
    """Values that a hyperparameter can have in the space: of numbers, the ends.

    Args:
        reading: The space.
        name: Of the hyperparameter.
        chosen: Values of others, as far as they are known: what exists only beside other values of
            these is left out.
    """
    found: list[Any] = []
    for parameter in (p for p in reading.space.parameters if p.name == name):
        known = {parent: parameter.when[parent] for parent in parameter.when if parent in chosen}
        if any(chosen[parent] not in allowed for parent, allowed in known.items()):
            continue
        if isinstance(parameter, Categorical):
            found += parameter.choices
        else:
            found += (parameter.low, parameter.high)
    return found or [reading.space.base[name]]


def _check_weights(point: Hyperparameters) -> None:
    from trainables.weights.packaged import PACKAGES, check_download, packaged_state

    if point.weights not in ("imagenet", "none"):
        _read_weights(point)
    elif point.weights == "imagenet":
        if is_keras_file(point.backbone):
            return
        check_download(point.backbone)
        if point.backbone in PACKAGES:
            packaged_state(point.backbone)


def _read_weights(point: Hyperparameters) -> None:
    """A person's own file: what is wrong with it would end every trial."""
    if not Path(point.weights).is_file():
        raise WeightsError(f"There are no weights at {point.weights}.")
    from trainables.process.gpu import hide_gpus

    hide_gpus()
    from trainables.networks.network import build_inputs

    build_inputs(point)
