"""A study: dataset, objective, search space, recipes to beat, budget and resources."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any, Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from spaces.hyperparameters import Hyperparameters
from spaces.parameters import Categorical, Float, Int, Parameter
from spaces.space import SearchSpace
from spaces.studies.dataset import DatasetSection, Section
from spaces.studies.reading import read_space
from spaces.studies.yaml_file import dump_yaml

LARGEST_GRID = 10_000
"""Largest number of points in a grid; more would never be tried anyway."""

Mode = Literal["max", "min"]
MetricName = Literal["val_accuracy", "val_balanced_accuracy", "val_macro_f1", "val_auc", "val_loss"]

Precision = Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
FeatureDtype = Literal["float32", "float16"]

METRICS: dict[MetricName, Mode] = {
    "val_accuracy": "max",
    "val_balanced_accuracy": "max",
    "val_macro_f1": "max",
    "val_auc": "max",
    "val_loss": "min",
}
"""Metrics that can be the objective of a study, and the mode of each."""


class Objective(Section):
    """The metric that trials are judged by; its mode follows from it.

    Attributes:
        metric: Of the validation images: the share that is classified correctly (val_accuracy),
            the mean of that share over the classes (val_balanced_accuracy), the mean F1 of the
            classes (val_macro_f1), the area under the ROC curve, of more than two classes the mean
            of each against the rest (val_auc), or -log of the probability given to the right class
            (val_loss). Trials, checkpoints, early stopping and the report's verdicts go by it.
        mode: "max" or "min".
    """

    metric: MetricName = "val_accuracy"
    mode: Mode = "max"

    @model_validator(mode="before")
    @classmethod
    def _mode_of_the_metric(cls, values: Any) -> Any:
        if isinstance(values, dict) and "mode" not in values and values.get("metric") in METRICS:
            return values | {"mode": METRICS[values["metric"]]}
        return values

    @model_validator(mode="after")
    def _mode_fits_metric(self) -> Objective:
        if self.mode != METRICS[self.metric]:
            raise ValueError(f"mode of {self.metric} is {METRICS[self.metric]}, not {self.mode}")
        return self


class Budget(Section):
    """What a search may spend; the resource of the scheduler is the epoch.

    Attributes:
        trials: Number of trials.
        max_epochs: Largest number of epochs per trial.
        grace_period: Epochs before the first rung.
        reduction_factor: At each rung, about one trial in this many continues (η).
        promote: Whether trials wait at a rung until they are among the best there, instead of
            continuing or ending at once. Useful with few workers and expensive epochs.
        seconds: Seconds from the start of a search to its end; None for no limit.
    """

    trials: int = Field(20, ge=1)
    max_epochs: int = Field(10, ge=1)
    grace_period: int = Field(1, ge=1)
    reduction_factor: float = Field(3, gt=1)
    promote: bool = False
    seconds: float | None = Field(None, gt=0)

    @model_validator(mode="after")
    def _grace_period_fits(self) -> Budget:
        if self.grace_period > self.max_epochs:
            raise ValueError(
                f"grace_period ({self.grace_period}) is above max_epochs ({self.max_epochs})"
            )
        return self

    @property
    def trials_in_words(self) -> str:
        """How many trials are wanted: the time may end a search before its number of trials."""
        return f"{self.trials:,}" if self.seconds is None else f"at most {self.trials:,}"

    @property
    def rungs(self) -> tuple[int, ...]:
        """Epochs at which trials are judged: grace_period · η^k below max_epochs, rounded."""
        found: list[int] = []
        resource = float(self.grace_period)
        while round(resource) < self.max_epochs:
            if round(resource) not in found:
                found.append(round(resource))
            resource *= self.reduction_factor
        return tuple(found)


class Resources(Section):
    """What one trial occupies, how many run at once, and how often a failed one is retried.

    Attributes:
        cpu: CPUs per trial.
        gpu: GPUs per trial, or a share of one; None uses what fits, if there are any.
        concurrent: Largest number of concurrent trials; None runs as many as fit.
        max_failures: How often a trial is retried after losing its worker.
        checkpoint_seconds: Most training time lost with a worker, provided that saving is cheap.
        precision: Arithmetic of the networks: float32, or 16 bits with the weights, logits and
            losses in float32. auto: float32 on CPUs, 16 bits on GPUs that are fast with them.
        feature_dtype: What features are stored as. float16 takes half of the bytes and keeps 11
            bits of each number: trials on stored features then differ from live ones by that
            rounding. A trial whose features exceed its range, 65,504, fails.
    """

    cpu: float = Field(1, gt=0)
    gpu: float | None = Field(None, ge=0)
    concurrent: int | None = Field(None, ge=1)
    max_failures: int = Field(2, ge=0)
    checkpoint_seconds: float = Field(5, ge=0)
    precision: Precision = "auto"
    feature_dtype: FeatureDtype = "float32"

    @model_validator(mode="after")
    def _one_gpu_a_trial(self) -> Resources:
        if self.gpu is not None and self.gpu > 1:
            raise ValueError(
                f"gpu is {self.gpu:g}, but a trial trains on one GPU: give 1, or a share of one; "
                "more GPUs run more trials at once, and thawtune finetune --workers uses them all"
            )
        return self


class Finalists(Section):
    """How the best trials and the recipes are trained again before the winner is chosen.

    Attributes:
        count: Number of best trials by the objective; with 0, the best trial of the search wins
            without being trained again.
        seeds: Number of other seeds for each.
    """

    count: int = Field(3, ge=0)
    seeds: int = Field(3, ge=1)


class Study(Section):
    """A study. `base`, `space` and `recipes` are plain values as written in the file.

    See `search_space` and `recipe_points` for what they mean.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    dataset: DatasetSection
    objective: Objective = Objective()
    searcher: Literal["tpe", "random", "grid"] = "tpe"
    base: dict[str, Any] = {}
    space: dict[str, Any]
    recipes: dict[str, dict[str, Any]] = {}
    budget: Budget = Budget()
    resources: Resources = Resources()
    finalists: Finalists = Finalists()
    seed: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _space_is_sound(self) -> Study:
        reading = self._reading
        if reading.problems:
            raise ValueError("\n".join(problem.text for problem in reading.problems))
        parameters = self.search_space.parameters
        floats = [p.name for p in parameters if isinstance(p, Float)]
        if self.searcher == "grid" and floats:
            raise PydanticCustomError(
                "grid",
                "the grid searcher needs choices or whole numbers, but these are real numbers: "
                "{names}",
                {"names": ", ".join(floats)},
            )
        size = math.prod(len(values) for values in self._grid_values)
        if self.searcher == "grid" and size > LARGEST_GRID:
            raise PydanticCustomError(
                "grid",
                "the grid has {size} points, but at most {most} are allowed",
                {"size": size, "most": LARGEST_GRID},
            )
        if self.searcher == "grid" and self.budget.trials > len(self.grid) + len(self.recipes):
            raise PydanticCustomError(
                "grid",
                "the grid has {points} points, but budget.trials is {trials}",
                {"points": len(self.grid), "trials": self.budget.trials},
            )
        return self

    @cached_property
    def grid(self) -> list[dict[str, Any]]:
        """Every point of a space without floats once, as values by parameter key."""
        space = self.search_space
        keys = [p.key for p in space.parameters]
        points: dict[Hyperparameters, dict[str, Any]] = {}
        for chosen in itertools.product(*self._grid_values):
            values = dict(zip(keys, chosen, strict=True))
            point = space.sample(partial(_chosen, values))
            points.setdefault(point, space.choices_of(point))
        return list(points.values())

    @property
    def _grid_values(self) -> list[tuple[Any, ...]]:
        return [p.values for p in self.search_space.parameters if isinstance(p, Int | Categorical)]

    @cached_property
    def _reading(self) -> Any:
        return read_space(self.base, self.space, self.recipes, self.budget.max_epochs)

    @property
    def search_space(self) -> SearchSpace:
        """The space that a searcher draws from."""
        space: SearchSpace = self._reading.space
        return space

    @property
    def recipe_points(self) -> dict[str, Hyperparameters]:
        """Every recipe as a complete point, in the order of the file."""
        points: dict[str, Hyperparameters] = self._reading.recipes
        return points

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which this study can be read back, with every default written out.

        The base keeps what it gives of searched parameters: recipes take it unless they differ.
        """
        written = self.model_dump(mode="json")
        values = self.search_space.base
        base = {k: v for k, v in values.items() if k in self.base or k not in self.space}
        return written | {"base": _plain(base)}

    def to_yaml(self) -> str:
        """`to_dict` as a study file."""
        return dump_yaml(self.to_dict())

    @property
    def hash(self) -> str:
        """SHA-256 of the study as `to_yaml` writes it."""
        return hashlib.sha256(self.to_yaml().encode()).hexdigest()


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def _chosen(values: Mapping[str, Any], parameter: Parameter) -> Any:
    return values[parameter.key]
