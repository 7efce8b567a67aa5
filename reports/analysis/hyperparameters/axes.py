"""Axes: values of any hyperparameter as positions from 0 to 1."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.text import formats
from spaces.parameters import Categorical, Parameter


@dataclass(frozen=True)
class Axis:
    """The positions of the values of one hyperparameter.

    Attributes:
        name: Of the hyperparameter.
        ticks: Place and text of each mark, in order.
        places: Of each value given, in their order; None where it does not exist.
    """

    name: str
    ticks: tuple[tuple[float, str], ...]
    places: tuple[float | None, ...]


def axis(name: str, parameters: Sequence[Parameter], values: Sequence[Any]) -> Axis:
    """Compute positions: choices at equal distances, numbers linearly or by logarithm.

    Args:
        name: Of the hyperparameter.
        parameters: As it is searched; there are several where its range depends on another.
        values: Of each trial, None where it does not exist.
    """
    if any(isinstance(parameter, Categorical) for parameter in parameters):
        return _of_choices(name, parameters, values)
    return _of_numbers(name, parameters, values)


def choices(parameters: Sequence[Parameter], values: Sequence[Any]) -> tuple[str, ...]:
    """Labels of the choices in the order of the space, then any others that occur."""
    of_space = [c for p in parameters if isinstance(p, Categorical) for c in p.choices]
    given = [value for value in values if value is not None]
    return tuple(dict.fromkeys(map(formats.hyperparameter, [*of_space, *given])))


def _of_choices(name: str, parameters: Sequence[Parameter], values: Sequence[Any]) -> Axis:
    texts = choices(parameters, values)
    place = {text: (i + 0.5) / len(texts) for i, text in enumerate(texts)}
    places = tuple(None if v is None else place[formats.hyperparameter(v)] for v in values)
    return Axis(name, tuple((place[text], text) for text in texts), places)


def _of_numbers(name: str, parameters: Sequence[Parameter], values: Sequence[Any]) -> Axis:
    bounds = [b for p in parameters if not isinstance(p, Categorical) for b in (p.low, p.high)]
    numbers = [float(value) for value in (*bounds, *values) if value is not None]
    low, high = min(numbers, default=0.0), max(numbers, default=1.0)
    is_log = low > 0 and all(getattr(parameter, "log", False) for parameter in parameters)

    def place(value: float) -> float:
        if low == high:
            return 0.5
        if is_log:
            return math.log(value / low) / math.log(high / low)
        return (value - low) / (high - low)

    places = tuple(None if value is None else place(float(value)) for value in values)
    marks = sorted({low, high, *_between(low, high, is_log, all(map(float.is_integer, numbers)))})
    return Axis(name, tuple((place(mark), f"{mark:.3g}") for mark in marks), places)


def _between(low: float, high: float, is_log: bool, is_whole: bool) -> list[float]:
    """Ticks between the ends: at the decades of a logarithmic axis, else in the middle."""
    if is_log:
        decades = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        inside = [10.0**d for d in decades if 2.2 * low < 10.0**d < high / 2.2]
        return inside if len(inside) <= 3 else inside[len(inside) // 2 :: len(inside)]
    middle = (low + high) / 2
    return [float(round(middle)) if is_whole else middle]
