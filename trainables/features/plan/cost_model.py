"""The cost model: which cuts are worth storing, from measured rates.

A trial starts from the highest stored cut below its boundary, and computes the layers in between
live, in every epoch. A stored cut saves that for all trials above it; it costs a pass over the
images, a file, and reading the file: once, or in every epoch if it does not stay in memory.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import FeatureDtype
from trainables.features.plan.plan import Plan, Prefix, Row


@dataclass(frozen=True)
class Site:
    """A place where a network can be cut.

    Attributes:
        prefix: The networks that have it.
        name: Name of the cut.
        shape: Shape of one image's activations there.
        seconds: Time to compute them from one image's pixels.
        point: A configuration whose network has this cut.
        dtype: What they are stored as.
    """

    prefix: Prefix
    name: str
    shape: tuple[int, ...]
    seconds: float
    point: Hyperparameters = dataclasses.field(compare=False)
    dtype: FeatureDtype = "float32"

    @property
    def bytes(self) -> int:
        """Bytes of one image's activations."""
        return np.dtype(self.dtype).itemsize * math.prod(self.shape)


@dataclass(frozen=True)
class Demand:
    """Trials, or phases of trials, with the same boundary.

    Attributes:
        prefix: Their networks.
        depth: What is thawed, in words.
        cuts: Names of the cuts below the boundary, the highest last.
        epochs: Expected number of epochs of all these trials together.
    """

    prefix: Prefix
    depth: str
    cuts: tuple[str, ...]
    epochs: float


@dataclass(frozen=True)
class Rates:
    """The cost of a byte in seconds.

    Attributes:
        write: To write it.
        read: To read it once in every worker.
        stream: To read it in one worker, in each epoch if it does not stay in memory.
    """

    write: float
    read: float
    stream: float = 0.0


@dataclass(frozen=True)
class Room:
    """Bytes that fit into the store, and that a worker keeps from epoch to epoch."""

    disk: int
    memory: int


def decide(
    sites: Iterable[Site],
    demands: Sequence[Demand],
    images: int | None,
    rates: Rates,
    room: Room,
    notes: Sequence[str] = (),
) -> Plan:
    """Keep the cuts that save more than they cost, the best first, while there is room.

    Args:
        sites: Every cut of every demand.
        demands: What the trials need.
        images: Number of training and validation images; None if unknown: nothing is kept.
        rates: The cost of a byte.
        room: How much fits.
        notes: Sentences for the plan.
    """
    by_place = {(site.prefix, site.name): site for site in sites}
    choice = _Choice(by_place, demands, images or 0, rates, room.memory)
    kept: list[_Place] = []
    while images:
        free = room.disk - sum(choice.bytes(place) for place in kept)
        fitting = [
            place for place in choice.sites if place not in kept and choice.bytes(place) <= free
        ]
        gains = {place: choice.gain(place, kept) for place in fitting}
        best = max(gains, key=lambda place: gains[place], default=None)
        if best is None or gains[best] <= 0:
            break
        kept.append(best)
        kept = [p for p in kept if choice.gain(p, [k for k in kept if k != p]) > 0]
    wanted = dict.fromkeys([(d.prefix, d.cuts[-1]) for d in demands if d.cuts] + kept)
    rows = [choice.row(place, kept, images) for place in choice.sites if place in wanted]
    return Plan(tuple(rows), images, tuple(notes))


_Place = tuple[Prefix, str]
"""Prefix and name of a cut."""


@dataclass(frozen=True)
class _Choice:
    sites: Mapping[_Place, Site]
    demands: Sequence[Demand]
    images: int
    rates: Rates
    memory: int

    def bytes(self, place: _Place) -> int:
        return self.images * self.sites[place].bytes

    def gain(self, place: _Place, others: Sequence[_Place]) -> float:
        return self.saved(place, others) - self.cost(place, others)

    def saved(self, place: _Place, others: Sequence[_Place]) -> float:
        """Seconds that this place saves the trials on top of what the others save."""
        among = [demand for demand in self.demands if demand.prefix == place[0]]
        return sum(self._live(d, others) - self._live(d, [*others, place]) for d in among)

    def cost(self, place: _Place, others: Sequence[_Place]) -> float:
        """Seconds to compute and store it; one pass over the images gives all cuts of a network."""
        passed = [self.sites[p].seconds for p in others if p[0] == place[0]]
        further = max(0.0, self.sites[place].seconds - max(passed, default=0.0))
        each = self.rates.write + self.rates.read
        return self.images * further + self.bytes(place) * each

    def _live(self, demand: Demand, kept: Sequence[_Place]) -> float:
        """Seconds that all these trials spend below their boundary, computing and streaming."""
        if not demand.cuts:
            return 0.0
        begun = max(
            (self.sites[p] for p in kept if p[0] == demand.prefix and p[1] in demand.cuts),
            key=lambda site: site.seconds,
            default=None,
        )
        target = self.sites[demand.prefix, demand.cuts[-1]].seconds
        computing = self.images * (target - (0.0 if begun is None else begun.seconds))
        each = 3 * demand.prefix.image_size**2 if begun is None else begun.bytes
        is_streamed = self.images * each > self.memory
        streaming = self.images * each * self.rates.stream if is_streamed else 0.0
        return demand.epochs * (computing + streaming)

    def row(self, place: _Place, kept: Sequence[_Place], images: int | None) -> Row:
        site = self.sites[place]
        others = [other for other in kept if other != place]
        saved, cost = self.saved(place, others), self.cost(place, others)
        return Row(
            prefix=site.prefix,
            boundary=site.name,
            depths=tuple(
                d.depth for d in self.demands if d.cuts and (d.prefix, d.cuts[-1]) == place
            ),
            shape=site.shape,
            bytes=self.bytes(place) if images is not None else None,
            make_seconds=cost if images is not None else None,
            saved_seconds=saved if images is not None else None,
            kept=place in kept,
            reason=self._reason(place, kept, images),
            point=site.point,
        )

    def _reason(self, place: _Place, kept: Sequence[_Place], images: int | None) -> str:
        if images is None:
            return "the number of images is not known"
        if place in kept:
            return "saves more than it costs"
        if self.gain(place, kept) <= 0:
            return "saves less than it costs"
        return "no room in the store"
