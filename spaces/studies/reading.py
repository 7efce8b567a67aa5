"""Parsing base, space and recipes of a study file, and collecting every problem in them."""

from __future__ import annotations

import difflib
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from pydantic import ValidationError

from spaces.hyperparameters import CONDITIONS, FIELDS, Hyperparameters
from spaces.parameters import Categorical, Parameter
from spaces.rules import broken_range
from spaces.space import SearchSpace, outside
from spaces.studies.parameter_specs import Problem, parameters_of, type_of, type_problem

RESERVED = ("final", "winner")
"""Names that recipes cannot have, because reports use them for the search's own models."""

_RANDOM_POINTS = 64


@dataclass
class Reading:
    """What could be parsed; `space` and `recipes` are complete only if there are no problems.

    Attributes:
        space: The search space, as far as it could be parsed.
        max_epochs: `max_epochs` of the budget.
        unreadable: Names in the file's space that could not be turned into parameters.
        recipes: Complete points by name.
        problems: Everything that is wrong.
    """

    space: SearchSpace
    max_epochs: int
    unreadable: frozenset[str] = frozenset()
    recipes: dict[str, Hyperparameters] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)


def read_space(
    base: Mapping[str, Any],
    space: Mapping[str, Any],
    recipes: Mapping[str, Mapping[str, Any]],
    max_epochs: int,
) -> Reading:
    """Parse the three sections of a study that contain hyperparameters."""
    problems: list[Problem] = []
    given = _typed_values(("base",), base, problems)
    defaults = {
        n: CONDITIONS[n].default if n in CONDITIONS else f.default for n, f in FIELDS.items()
    }
    parameters = [
        parameter
        for name in _known(("space",), space, problems)
        for parameter in parameters_of(name, space[name], problems)
    ]
    order = list(FIELDS)
    parameters.sort(key=lambda p: order.index(p.name))
    whole = SearchSpace(tuple(parameters), defaults | {"epochs": max_epochs} | given)
    unreadable = frozenset(space) - {p.name for p in parameters}
    reading = Reading(whole, max_epochs, unreadable, problems=problems)
    problems += _impossible_parents(whole)
    known = {problem.text for problem in problems}
    problems += [p for p in _impossible_points(whole, max_epochs) if p.text not in known]
    for name, values in recipes.items():
        if name in RESERVED:
            text = f"{name} cannot be a recipe's name: reports use it for the search's own model"
            reading.problems.append(Problem(("recipes", name), text))
        _read_recipe(name, values, reading)
    return reading


def _read_recipe(name: str, values: Mapping[str, Any], reading: Reading) -> None:
    place = ("recipes", name)
    before = len(reading.problems)
    typed = _typed_values(place, values, reading.problems)
    if len(reading.problems) > before:
        return
    for parameter in reading.space.parameters:
        if parameter.name in typed and not parameter.when:
            texts = outside(parameter, typed[parameter.name])
            reading.problems += [Problem((*place, parameter.name), text) for text in texts]
    try:
        point = reading.space.point(typed)
        if "epochs" in typed and point.epochs > reading.max_epochs:
            text = f"epochs is {point.epochs}, but budget.max_epochs is {reading.max_epochs}"
            reading.problems.append(Problem((*place, "epochs"), text))
        reading.recipes[name] = point
        reading.space.choices_of(point)
    except ValueError as error:
        known = {problem.text for problem in reading.problems}
        for line in dict.fromkeys(str(error).splitlines()):
            named = line.split(" ", 1)[0]
            if line not in known and named not in reading.unreadable:
                reading.problems.append(Problem((*place, named), line))


def _impossible_parents(space: SearchSpace) -> Iterator[Problem]:
    """Conditions that never hold, or that are unknown when their parameter is chosen."""
    order = list(FIELDS)
    for parameter in space.parameters:
        for parent, values in parameter.when.items():
            place = ("space", parameter.name)
            if order.index(parent) >= order.index(parameter.name):
                text = (
                    f"{parameter.name}: when names {parent}, which is chosen later; a condition "
                    "can only name an earlier hyperparameter"
                )
                yield Problem(place, text)
            searched = [p for p in space.parameters if p.name == parent]
            for value in values:
                if space.base[parent] != value and not any(p.contains(value) for p in searched):
                    yield Problem(
                        place, f"{parameter.name}: when {parent} is {value!r} never holds"
                    )


def _impossible_points(space: SearchSpace, max_epochs: int) -> list[Problem]:
    """Points that a searcher could draw but that are invalid, found by trying."""
    found: dict[str, Problem] = {}
    for suggest in _suggesters(space):
        try:
            point = space.sample(suggest)
            if point.epochs > max_epochs:
                raise ValueError(f"epochs is {point.epochs}, but budget.max_epochs is {max_epochs}")
        except ValueError as error:
            for line in str(error).splitlines():
                named = line.split(" ", 1)[0]
                section = "space" if any(p.name == named for p in space.parameters) else "base"
                found.setdefault(line, Problem((section, named), line))
    return list(found.values())


def _suggesters(space: SearchSpace) -> Iterator[Callable[[Parameter], Any]]:
    """The lowest and the highest corner for each backbone, then random points."""
    backbones = [p for p in space.parameters if p.name == "backbone" and isinstance(p, Categorical)]
    for backbone in backbones[0].choices if backbones else (None,):
        for corner in (0, -1):
            yield partial(_corner, backbone, corner)
    chance = random.Random(0)  # noqa: S311 - no secret
    for _ in range(_RANDOM_POINTS):
        yield lambda p: chance.choice(_ends(p))


def _corner(backbone: Any, corner: int, parameter: Parameter) -> Any:
    return backbone if parameter.name == "backbone" else _ends(parameter)[corner]


def _ends(parameter: Parameter) -> tuple[Any, ...]:
    if isinstance(parameter, Categorical):
        return parameter.choices
    return parameter.low, parameter.high


def _known(place: tuple[str, ...], values: Mapping[str, Any], problems: list[Problem]) -> list[str]:
    """The keys that are hyperparameters; the others become problems."""
    for name in values:
        if name not in FIELDS:
            near = difflib.get_close_matches(str(name), FIELDS, n=1)
            hint = f"did you mean {near[0]}?" if near else "see spaces/hyperparameters.py"
            problems.append(Problem((*place, name), f"{name} is not a hyperparameter; {hint}"))
    return [name for name in values if name in FIELDS]


def _typed_values(
    place: tuple[str, ...], values: Mapping[str, Any], problems: list[Problem]
) -> dict[str, Any]:
    typed = {}
    for name in _known(place, values, problems):
        try:
            typed[name] = type_of(name).validate_python(values[name])
        except ValidationError as error:
            problems.append(Problem((*place, name), type_problem(name, values[name], error)))
            continue
        problems.extend(Problem((*place, name), t) for t in broken_range(name, typed[name]))
    return typed
