"""The small JSON files of a run, as typed records: data.json, finetune.json, test.json."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from search.records.run import Run
from spaces.errors import RunStateError

ROLES = ("final", "winner", "recipe", "random")
"""Roles of a tested model: the winner fine-tuned on training and validation images; the winning
trial as searched; a recipe's trial as searched; the best trial of a random search at equal cost.
The last three were trained on the training images alone."""

SCORES = ("balanced_accuracy", "macro_f1", "auc")
"""What test.json has of each model beside accuracy and loss, if a recent version wrote it."""

Record = TypeVar("Record")


@dataclass(frozen=True)
class DataSets:
    """How many images of each class are in each of the three sets.

    Attributes:
        classes: Names of the classes.
        train, validation, test: Images, in the order of `classes`.
        image: A description of one image.
    """

    classes: tuple[str, ...]
    train: tuple[int, ...]
    validation: tuple[int, ...]
    test: tuple[int, ...]
    image: str

    def __post_init__(self) -> None:
        for name, counts in self.sets.items():
            if len(counts) != len(self.classes):
                raise ValueError(
                    f"{name} has {len(counts)} counts, must have one for each of the "
                    f"{len(self.classes)} classes"
                )

    @property
    def sets(self) -> dict[str, tuple[int, ...]]:
        """The counts by the name of the set."""
        return {"training": self.train, "validation": self.validation, "test": self.test}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> DataSets:
        """Read data.json."""
        return cls(
            classes=tuple(map(str, values["classes"])),
            train=tuple(map(int, values["train"])),
            validation=tuple(map(int, values["validation"])),
            test=tuple(map(int, values["test"])),
            image=str(values.get("image", "")),
        )


@dataclass(frozen=True)
class FineTuningEpoch:
    """One epoch of the fine-tuning."""

    epoch: int
    train_loss: float | None
    train_accuracy: float | None
    learning_rate: float | None


@dataclass(frozen=True)
class FineTuning:
    """The fine-tuning of the winner on training and validation images together."""

    trial: int
    epochs: int
    workers: int
    images: int
    seconds: float
    finished: float
    history: tuple[FineTuningEpoch, ...]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FineTuning:
        """Read finetune.json."""
        names = ("epoch", "train_loss", "train_accuracy", "learning_rate")
        history = tuple(FineTuningEpoch(*(e[n] for n in names)) for e in values["history"])
        return cls(
            trial=int(values["trial"]),
            epochs=int(values["epochs"]),
            workers=int(values["workers"]),
            images=int(values["images"]),
            seconds=float(values["seconds"]),
            finished=float(values["finished"]),
            history=history,
        )


@dataclass(frozen=True)
class EvaluatedModel:
    """The test result of one model.

    Attributes:
        name: For display, and of its predictions.
        role: One of `ROLES`.
        trial: The trial in which the search tried its configuration.
        scores: Other scores that were recorded, by name.
        repeats: Names of the predictions of all tested trainings of this configuration, its own
            included; empty if there is only one.
    """

    name: str
    role: str
    trial: int
    sha256: str
    accuracy: float
    loss: float | None
    scores: Mapping[str, float] = field(default_factory=dict)
    repeats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.accuracy <= 1:
            raise ValueError(f"accuracy of {self.name} is {self.accuracy}, must be in 0..1")
        if self.role not in ROLES:
            raise ValueError(f"role is {self.role!r}, must be one of {ROLES}")

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> EvaluatedModel:
        """Read a model of test.json."""
        names = ("name", "role", "trial", "sha256", "accuracy", "loss")
        repeats = tuple(str(one["predictions"]) for one in values.get("repeats", ()))
        scores = {name: float(values[name]) for name in SCORES if values.get(name) is not None}
        return cls(**{name: values[name] for name in names}, scores=scores, repeats=repeats)


@dataclass(frozen=True)
class Evaluation:
    """The results on the sealed test set, and when it was opened.

    Attributes:
        opened: When it was opened, in seconds since 1970.
        images: How many images it has.
        classes: Their names, in the order of the labels.
        models: The models that were tested.
        again: When it was deliberately opened again, in seconds since 1970.
    """

    opened: float
    images: int
    classes: tuple[str, ...]
    models: tuple[EvaluatedModel, ...]
    again: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.images < 1:
            raise ValueError(f"images is {self.images}, must be 1 or more")

    def in_role(self, role: str) -> EvaluatedModel | None:
        """The first model of this role."""
        return next((model for model in self.models if model.role == role), None)

    def of_trial(self, trial: int) -> EvaluatedModel | None:
        """The model of a trial as searched."""
        models = (m for m in self.models if m.trial == trial and m.role != "final")
        return next(models, None)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Evaluation:
        """Read test.json."""
        models = tuple(EvaluatedModel.from_dict(model) for model in values["models"])
        classes = tuple(map(str, values["classes"]))
        again = tuple(float(_time_of(opening)) for opening in values.get("again") or ())
        return cls(values["opened"], int(values["images"]), classes, models, again)


def _time_of(opening: Any) -> Any:
    return opening["opened"] if isinstance(opening, dict) else opening


def read_record(run: Run, path: Path, make: Callable[[dict[str, Any]], Record]) -> Record | None:
    """A record from a JSON file, or None if there is no file yet.

    Raises:
        RunStateError: If the file is not JSON, or does not have the expected content.
    """
    if not path.is_file():
        return None
    values = run.read_json(path)
    try:
        return make(values or {})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise RunStateError(
            f"{path} cannot be used: {what}. Delete it and run the command that writes it again."
        ) from error
