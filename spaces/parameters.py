"""What a searcher may choose: one parameter, and when it exists."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

When = Mapping[str, tuple[Any, ...]]
"""Other parameters and the values of theirs under which this one exists."""


@dataclass(frozen=True)
class _Parameter:
    name: str
    when: When = field(default_factory=dict, kw_only=True)

    @property
    def key(self) -> str:
        """Name that is unique in a space that has several parameters of this name."""
        conditions = [f"{parent}={'|'.join(map(str, v))}" for parent, v in self.when.items()]
        return self.name + (f"[{','.join(conditions)}]" if conditions else "")

    def exists(self, values: Mapping[str, Any]) -> bool:
        """Whether `when` holds for the values chosen so far."""
        return all(values.get(parent) in allowed for parent, allowed in self.when.items())


@dataclass(frozen=True)
class Float(_Parameter):
    """A real number in low..high, both included; searched by its logarithm if `log`."""

    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high, self.log)

    def contains(self, value: object) -> bool:
        """Whether the value may be chosen."""
        return isinstance(value, int | float) and self.low <= value <= self.high

    def describe(self) -> str:
        """The range in words."""
        return f"{self.low:g}..{self.high:g}{' (log)' if self.log else ''}"


@dataclass(frozen=True)
class Int(_Parameter):
    """A whole number in low..high, both included, in steps from low; by its logarithm if `log`."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high, self.log)
        if self.step < 1:
            raise ValueError(f"step is {self.step}, must be 1 or more")
        if self.log and self.step != 1:
            raise ValueError("log and step exclude each other")
        last = self.low + (self.high - self.low) // self.step * self.step
        object.__setattr__(self, "high", last)

    @property
    def values(self) -> tuple[int, ...]:
        """All of them."""
        return tuple(range(self.low, self.high + 1, self.step))

    def contains(self, value: object) -> bool:
        """Whether the value may be chosen."""
        return (
            isinstance(value, int)
            and self.low <= value <= self.high
            and (value - self.low) % self.step == 0
        )

    def describe(self) -> str:
        """The range in words."""
        step = f" in steps of {self.step}" if self.step != 1 else ""
        return f"{self.low}..{self.high}{step}{' (log)' if self.log else ''}"


@dataclass(frozen=True)
class Categorical(_Parameter):
    """One of a few values without an order."""

    choices: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.choices:
            raise ValueError("choices is empty, must have at least one value")
        if len({repr(choice) for choice in self.choices}) < len(self.choices):
            raise ValueError("choices has a value twice")

    @property
    def values(self) -> tuple[Any, ...]:
        """All of them."""
        return self.choices

    def contains(self, value: object) -> bool:
        """Whether the value may be chosen."""
        return any(value == choice and type(value) is type(choice) for choice in self.choices)

    def describe(self) -> str:
        """The choices in words."""
        return " | ".join(map(str, self.choices))


Parameter = Float | Int | Categorical


def _check_bounds(low: float, high: float, log: bool) -> None:
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"low {low} and high {high} must be finite")
    if low > high:
        raise ValueError(f"low ({low}) is above high ({high})")
    if log and low <= 0:
        raise ValueError(f"low is {low}, must be above 0 where log is true")
