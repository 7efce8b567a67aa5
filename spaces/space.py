"""The search space: the parameters to search, and the fixed values of all others."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from spaces.hyperparameters import CONDITIONS, FIELDS, Hyperparameters
from spaces.parameters import Parameter

OWN_TO_RECIPES = ("epochs",)
"""Hyperparameters that a recipe may set even if they are not searched."""


@dataclass(frozen=True)
class SearchSpace:
    """Parameters to search, and the values of all other hyperparameters.

    Attributes:
        parameters: The searched parameters, parents before children. Several may have the same
            name if their conditions exclude each other.
        base: The value of every hyperparameter that exists and is not searched.
    """

    parameters: tuple[Parameter, ...]
    base: Mapping[str, Any]

    def sample(self, suggest: Callable[[Parameter], Any]) -> Hyperparameters:
        """Choose a point by calling `suggest` for each parameter that exists there.

        Raises:
            ValueError: If the choices are not a valid configuration.
        """

        def choose(name: str, values: Mapping[str, Any]) -> Any:
            chosen = [p for p in self.parameters if p.name == name and p.exists(values)]
            if len(chosen) > 1:
                raise ValueError(
                    f"{name} has alternatives that exist at the same time: change their when so "
                    "that they exclude each other"
                )
            return suggest(chosen[0]) if chosen else values[name]

        return Hyperparameters(**self._fill(choose))

    def point(self, given: Mapping[str, Any]) -> Hyperparameters:
        """The point with these values, and those of the base for all others.

        Raises:
            ValueError: If they are not a valid configuration, with a line for each reason.
        """
        values = self._fill(lambda name, values: given.get(name, values[name]))
        problems = [
            f"{name} is {_plain(value)}, but exists only if {CONDITIONS[name].text}"
            for name, value in given.items()
            if value is not None and values[name] is None
        ]
        try:
            point = Hyperparameters(**values)
        except ValueError as error:
            raise ValueError("\n".join([*problems, str(error)])) from error
        if problems:
            raise ValueError("\n".join(problems))
        return point

    def _fill(self, choose: Callable[[str, Mapping[str, Any]], Any]) -> dict[str, Any]:
        values = dict(self.base)
        for name in FIELDS:
            condition = CONDITIONS.get(name)
            exists = condition is None or condition.holds(values)
            values[name] = choose(name, values) if exists else None
        return values

    def choices_of(self, point: Hyperparameters) -> dict[str, Any]:
        """The values that a searcher has to choose to get this point, by parameter key.

        Raises:
            ValueError: If the point lies outside the space, with a line for each reason.
        """
        choices: dict[str, Any] = {}
        problems = []

        def take(parameter: Parameter) -> Any:
            value = getattr(point, parameter.name)
            choices[parameter.key] = value
            problems.extend(outside(parameter, value))
            return value

        try:
            nearest = self.sample(take)
        except ValueError as error:
            raise ValueError("\n".join([*problems, str(error)])) from error
        problems += [
            f"{name} is {_plain(getattr(point, name))}, but the space fixes it at "
            f"{_plain(getattr(nearest, name))}"
            for name in FIELDS
            if name not in OWN_TO_RECIPES and getattr(point, name) != getattr(nearest, name)
        ]
        if problems:
            raise ValueError("\n".join(problems))
        return choices


def outside(parameter: Parameter, value: object) -> list[str]:
    """A message if a parameter cannot have this value; empty if it can."""
    if parameter.contains(value):
        return []
    return [f"{parameter.name} is {_plain(value)}, but the space allows {parameter.describe()}"]


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
