"""Parameters as a study file writes them: their ranges, choices and conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from spaces.hyperparameters import CONDITIONS, FIELDS, Hyperparameters
from spaces.parameters import Categorical, Float, Int, Parameter

_SPEC_KEYS = ("low", "high", "step", "log", "choices", "when")


@dataclass(frozen=True)
class Problem:
    """A problem in a study file, and its place: keys and indices from the top."""

    place: tuple[str | int, ...]
    text: str


def parameters_of(name: str, written: Any, problems: list[Problem]) -> Iterator[Parameter]:
    """The alternatives of a hyperparameter that can be read.

    Args:
        name: Of the hyperparameter.
        written: A mapping with low and high, or choices, and perhaps when; or a list of such.
        problems: What is wrong with the others is added to it.
    """
    alternatives = written if isinstance(written, list | tuple) else [written]
    for index, spec in enumerate(alternatives):
        place = ("space", name, index) if len(alternatives) > 1 else ("space", name)
        before = len(problems)
        parameter = _parameter(name, spec, place, problems)
        if parameter is not None and len(problems) == before:
            yield parameter


def _parameter(
    name: str, spec: Any, place: tuple[str | int, ...], problems: list[Problem]
) -> Parameter | None:
    def wrong(text: str, *deeper: str | int) -> None:
        problems.append(Problem((*place, *deeper), f"{name}: {text}"))

    if not isinstance(spec, Mapping):
        wrong(f"is {spec!r}; a parameter has low and high, or choices (fixed values go in base)")
        return None
    for key in spec:
        if key not in _SPEC_KEYS:
            wrong(f"unknown key {key!r}; a parameter has {', '.join(_SPEC_KEYS)}", key)
    when = _when(spec.get("when", {}), wrong)
    try:
        if "choices" in spec:
            return _categorical(name, spec, when, wrong)
        return _numeric(name, spec, when, wrong)
    except ValueError as error:
        wrong(str(error))
        return None


def _when(written: Any, wrong: Callable[..., None]) -> dict[str, tuple[Any, ...]]:
    if not isinstance(written, Mapping):
        wrong("when must map parameters to values, as in when: {backbone: [VGG16]}", "when")
        return {}
    for parent in written:
        if parent not in FIELDS:
            wrong(f"when names {parent!r}, which is not a hyperparameter", "when", parent)
    return {
        parent: tuple(_parent_value(parent, value, wrong) for value in _listed(values))
        for parent, values in written.items()
        if parent in FIELDS
    }


def _listed(values: Any) -> list[Any]:
    return list(values) if isinstance(values, list | tuple) else [values]


def _parent_value(parent: str, value: Any, wrong: Callable[..., None]) -> Any:
    try:
        return type_of(parent).validate_python(value)
    except ValidationError as error:
        wrong(f"when: {type_problem(parent, value, error)}", "when", parent)
        return value


def _categorical(
    name: str, spec: Mapping[str, Any], when: dict[str, Any], wrong: Callable[..., None]
) -> Parameter | None:
    extra = [key for key in ("low", "high", "step", "log") if key in spec]
    if extra:
        wrong(f"has choices and {', '.join(extra)}; give one or the other")
    if not isinstance(spec["choices"], list | tuple):
        wrong(f"choices is {spec['choices']!r}, must be a list", "choices")
        return None
    choices = []
    for value in spec["choices"]:
        try:
            choices.append(type_of(name).validate_python(value))
        except ValidationError as error:
            wrong(type_problem("a choice", value, error), "choices")
    if None in choices and name in CONDITIONS and CONDITIONS[name].default is not None:
        wrong("null cannot be a choice: wherever it exists, it needs a value", "choices")
        return None
    return Categorical(name, tuple(choices), when=when)


def _numeric(
    name: str, spec: Mapping[str, Any], when: dict[str, Any], wrong: Callable[..., None]
) -> Parameter | None:
    kinds = {int, float} & {_hints()[name], *get_args(_hints()[name])}
    if not kinds:
        wrong("is not a number, so it needs choices")
        return None
    kind = kinds.pop()
    for key in ("low", "high"):
        value = spec.get(key)
        if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else int):
            wrong(
                f"{key} is {value!r}, must be {'a number' if kind is float else 'a whole number'}",
                key,
            )
            return None
    log, step = spec.get("log", False), spec.get("step", 1)
    if not isinstance(log, bool):
        wrong(f"log is {log!r}, must be true or false", "log")
        return None
    if kind is float:
        if "step" in spec:
            wrong("step is only for whole numbers: remove it", "step")
        return Float(name, float(spec["low"]), float(spec["high"]), log, when=when)
    if isinstance(step, bool) or not isinstance(step, int):
        wrong(f"step is {step!r}, must be a whole number", "step")
        return None
    return Int(name, spec["low"], spec["high"], step, log, when=when)


def type_problem(name: str, value: object, error: ValidationError) -> str:
    """What is wrong with a value of a hyperparameter, in words."""
    return f"{name} is {value!r}: {error.errors()[0]['msg'].lower()}"


@cache
def _hints() -> dict[str, Any]:
    return get_type_hints(Hyperparameters)


@cache
def type_of(name: str) -> TypeAdapter[Any]:
    """Reads plain values of a hyperparameter."""
    return TypeAdapter(_hints()[name])
