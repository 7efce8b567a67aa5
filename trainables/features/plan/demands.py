"""Which features the trials of a study will need, and for how many epochs: an estimate."""

from __future__ import annotations

import dataclasses
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from spaces.hyperparameters import Hyperparameters
from spaces.parameters import Float, Parameter
from spaces.studies.study import Study

_DRAWN = 256


@dataclass(frozen=True)
class Stage:
    """A phase of training with one boundary, as far as the frozen network goes.

    Attributes:
        point: The configuration; what does not matter below the boundary has its default.
        head_only: The whole backbone is frozen, whatever the point thaws later.
    """

    point: Hyperparameters
    head_only: bool

    @property
    def depth(self) -> str:
        """What is thawed, in words."""
        if self.head_only:
            return "head"
        return self.point.boundary_layer or str(self.point.unfrozen_depth)


def expected_epochs(study: Study) -> dict[Stage, float]:
    """Expected epochs of all trials together, by stage, that train on unchanged images.

    Points are drawn uniformly from the space; the scheduler lets one trial in η pass each rung.
    Each recipe is one trial, which is not stopped.
    """
    epochs: dict[Stage, float] = defaultdict(float)
    recipes = list(study.recipe_points.values())[: study.budget.trials]
    drawn = _points(study)
    weight = (study.budget.trials - len(recipes)) / max(1, len(drawn))
    for point in drawn:
        for stage, first, last in stages(point):
            lasting = sum(share_left(study, epoch) for epoch in range(first, last + 1))
            epochs[stage] += weight * lasting
    for point in recipes:
        for stage, first, last in stages(point):
            epochs[stage] += last - first + 1
    return dict(epochs)


def share_left(study: Study, epoch: int) -> float:
    """Share of the trials that reach this epoch under the scheduler, 1 for the first."""
    budget = study.budget
    if epoch <= budget.grace_period:
        return 1.0
    rungs = math.ceil(math.log(epoch / budget.grace_period, budget.reduction_factor) - 1e-9)
    return float(budget.reduction_factor**-rungs)


def stages(point: Hyperparameters) -> Iterator[tuple[Stage, int, int]]:
    """The phases of a configuration that can start from features: stage, first and last epoch."""
    if point.views or _why_live(point) is not None:
        return
    head_epochs = min(point.head_epochs or 0, point.epochs)
    is_thawed = point.unfrozen_depth > 0 or point.boundary_layer is not None
    if head_epochs or not is_thawed:
        yield (
            Stage(without_depth(_network_of(point)), True),
            1,
            head_epochs if is_thawed else point.epochs,
        )
    if is_thawed and head_epochs < point.epochs:
        yield Stage(_network_of(point), False), head_epochs + 1, point.epochs


def live_trials(study: Study) -> list[str]:
    """A sentence for each reason why trials of this space train from the pixels."""
    points = _points(study)
    reasons = Counter(reason for point in points if (reason := _why_live(point)) is not None)
    return [
        f"About {count / len(points):.0%} of the trials train live from the pixels: {reason}."
        for reason, count in reasons.most_common()
    ]


def _why_live(point: Hyperparameters) -> str | None:
    if point.backbone == "none":
        return "they have no backbone"
    if point.views == 0:
        return "augmented images are new in each epoch"
    if point.weights == "none":
        return "random weights are new in each trial"
    return None


_BELOW = (
    "backbone",
    "weights",
    "image_size",
    "resize",
    "preprocessing",
    "truncation_layer",
    "unfrozen_depth",
    "boundary_layer",
    "frozen_part",
    "batch_norm",
    "pooling",
)


def _network_of(point: Hyperparameters) -> Hyperparameters:
    """The point with the defaults of what does not matter below its boundary."""
    values: dict[str, Any] = {name: getattr(point, name) for name in _BELOW}
    return Hyperparameters(**values, convolutions=point.convolutions[:1])


def without_depth(point: Hyperparameters) -> Hyperparameters:
    """The same network with its whole backbone frozen."""
    return dataclasses.replace(
        point,
        unfrozen_depth=0,
        boundary_layer=None,
        frozen_part="below",
        batch_norm=None,
        head_epochs=None,
    )


def _points(study: Study) -> list[Hyperparameters]:
    space = study.search_space
    chance = random.Random(study.seed)  # noqa: S311 - nothing secret
    if study.searcher == "grid":
        return [space.sample(partial(_given, at)) for at in study.grid]
    points = []
    for _ in range(_DRAWN):
        try:
            points.append(space.sample(lambda parameter: _drawn(parameter, chance)))
        except ValueError:
            continue  # choices that exclude each other: the searcher draws again too
    return points


def _given(values: Mapping[str, Any], parameter: Parameter) -> Any:
    return values[parameter.key]


def _drawn(parameter: Parameter, chance: random.Random) -> Any:
    if not isinstance(parameter, Float):
        return chance.choice(parameter.values)
    if parameter.log:
        return math.exp(chance.uniform(math.log(parameter.low), math.log(parameter.high)))
    return chance.uniform(parameter.low, parameter.high)
