"""What the JSON files of a run must have, for the commands that go by them."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired

from pydantic import AfterValidator, ConfigDict, TypeAdapter
from typing_extensions import TypedDict

_MORE = ConfigDict(extra="allow", strict=True)


class _Counts(TypedDict):
    __pydantic_config__ = _MORE  # type: ignore[misc]
    classes: list[str]
    train: list[int]
    validation: list[int]
    test: list[int]
    fingerprint: NotRequired[str]
    subset: NotRequired[int | float | None]


class _FineTuning(TypedDict):
    __pydantic_config__ = _MORE  # type: ignore[misc]
    trial: int
    epochs: int
    images: int
    workers: int
    seconds: float
    sha256: str
    resize: NotRequired[Literal["squash", "crop", "pad"]]
    chosen_by: NotRequired[str]
    repeats: NotRequired[list[int]]


class _TestedModel(TypedDict):
    __pydantic_config__ = _MORE  # type: ignore[misc]
    role: str
    sha256: str


def _with_final(models: list[_TestedModel]) -> list[_TestedModel]:
    if not any(model["role"] == "final" for model in models):
        raise ValueError("there is no final model")
    return models


class _Evaluation(TypedDict):
    __pydantic_config__ = _MORE  # type: ignore[misc]
    opened: float
    images: int
    models: Annotated[list[_TestedModel], AfterValidator(_with_final)]
    again: NotRequired[list[Any]]


class _Opening(TypedDict):
    __pydantic_config__ = _MORE  # type: ignore[misc]
    opened: float
    sha256: str
    models: list[Any]


class _Openings(TypedDict):
    __pydantic_config__ = _MORE  # type: ignore[misc]
    openings: list[_Opening]


DATA: TypeAdapter[Any] = TypeAdapter(_Counts)
"""data.json."""
FINETUNE: TypeAdapter[Any] = TypeAdapter(_FineTuning)
"""finetune.json."""
TEST: TypeAdapter[Any] = TypeAdapter(_Evaluation)
"""test.json."""
OPENING: TypeAdapter[Any] = TypeAdapter(_Openings)
"""opening.json."""
