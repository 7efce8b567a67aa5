"""Parameters of a search space: real numbers, whole numbers and choices, and when each exists."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

When = Mapping[str, tuple[Any, ...]]
"""The values of other parameters for which this one exists, by parameter name."""


@dataclass(frozen=True)
class _Parameter:
    name: str
    when: When = field(default_factory=dict, kw_only=True)

    @property
    def key(self) -> str:
        """A unique key, even if the space has several parameters with this name."""
        conditions = [f"{parent}={'|'.join(map(str, v))}" for parent, v in self.when.items()]
        return self.name + (f"[{','.join(conditions)}]" if conditions else "")

    def exists(self, values: Mapping[str, Any]) -> bool:
        """Whether `when` holds for the values chosen so far."""
        return all(values.get(parent) in allowed for parent, allowed in self.when.items())


@dataclass(frozen=True)
class Float(_Parameter):
    """A real number in low..high, both included; sampled on a log scale if `log`."""

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
    """A whole number in low..high, both included, in steps from low; on a log scale if `log`."""

    low: int
    high: int
    step: int = 1
    log: bool = False

    def __post_init__(self) -> None:
        _check_bounds(self.low, self.high, self.log)
        if self.step < 1:
            raise ValueError(f"step is {self.step}, must be 1 or more")
        if self.log and self.step != 1:
            raise ValueError(f"log and step ({self.step}) exclude each other: remove one of them")
        last = self.low + (self.high - self.low) // self.step * self.step
        object.__setattr__(self, "high", last)

    @property
    def values(self) -> tuple[int, ...]:
        """All values."""
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
    """One of several values that have no order."""

    choices: tuple[Any, ...]

    def __post_init__(self) -> None:
        if not self.choices:
            raise ValueError("choices is empty, must have at least one value")
        if len({repr(choice) for choice in self.choices}) < len(self.choices):
            raise ValueError("choices contains a value twice: remove one of them")

    @property
    def values(self) -> tuple[Any, ...]:
        """All values."""
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
        raise ValueError(f"low is {low}, must be above 0 if log is true")
