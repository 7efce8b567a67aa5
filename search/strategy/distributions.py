"""A space's parameters as Optuna describes them."""

from __future__ import annotations

import json
from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from spaces.parameters import Categorical, Float, Parameter


def distribution(parameter: Parameter) -> BaseDistribution:
    """A parameter as Optuna describes it."""
    if isinstance(parameter, Categorical):
        return CategoricalDistribution(labels(parameter))
    if isinstance(parameter, Float):
        return FloatDistribution(parameter.low, parameter.high, log=parameter.log)
    return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)


def labels(parameter: Categorical) -> list[Any]:
    """Choices as Optuna stores them: lists as text."""
    return [json.dumps(c) if isinstance(c, tuple) else c for c in parameter.choices]


def encoded(parameter: Parameter, value: Any) -> Any:
    """A value as Optuna stores it."""
    if isinstance(parameter, Categorical):
        return labels(parameter)[parameter.choices.index(value)]
    return value
