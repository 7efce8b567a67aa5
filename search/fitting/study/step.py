"""Which image size, how many epochs and how deep a thaw a search has time for."""

from __future__ import annotations

from dataclasses import dataclass

from search.fitting.study import costs, rules
from search.fitting.study.facts import DataFacts, Machine


@dataclass(frozen=True)
class Step:
    """Image size and epochs that the time allows.

    Attributes:
        size: Pixels a side.
        epochs: Of a training.
        share: Largest share of the backbone's work that may be thawed.
        units: Trainings in full of that share that the search has time for.
        why: The reason.
    """

    size: int
    epochs: int
    share: float
    units: float
    why: str


def step_for(data: DataFacts, machine: Machine, seconds: float) -> Step:
    """The largest images and the most epochs for which a search has time.

    Args:
        data: The dataset.
        machine: Its rate.
        seconds: Of the clock, for everything that is still to do.
    """
    found = None
    for rule in rules.STEPS:
        size, epochs = rule.value
        if found is not None and size > max(rules.STEPS[0].value[0], rules.ENLARGED * data.side):
            break
        step = _step(data, machine, seconds, size, epochs, 1.0, rule.why)
        if found is not None and step.units < rules.ROOM:
            break
        found = step
    if found is None:
        raise ValueError("there is no step")
    for share in reversed(rules.DEPTHS[:-1]):
        if found.units >= rules.UNITS:
            break
        found = _step(data, machine, seconds, found.size, found.epochs, share, found.why)
    return found


def _step(
    data: DataFacts,
    machine: Machine,
    seconds: float,
    size: int,
    epochs: int,
    share: float,
    why: str,
) -> Step:
    cost = costs.of(data, machine, 1.0, size)
    training = cost.training(epochs, share, is_live=share == 1.0)
    left = seconds - cost.after(machine, training, models=4)
    core_seconds = machine.workers * left - cost.features
    return Step(size, epochs, share, max(0.0, core_seconds / training), why)
