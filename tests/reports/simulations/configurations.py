"""Simulated runs: the winner's configuration against the recipe's, several trainings of each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reports.statistics.repeated import Repeated
from tests.reports.simulations.rows import Bound, Row, row_of
from tests.reports.simulations.runs import (
    CONFIGURATION,
    DIFFERENCES,
    EASE,
    EPOCH,
    FINALISTS,
    SEED,
    UNEVEN,
    World,
)

SEED_LUCK = 0.1
"""What a seed does to all images alike: about a point of accuracy at 95 %."""


def configuration_rows(scale: float) -> Iterator[Row]:
    """The winner's configuration against the recipe's, several trainings of each tested."""
    worlds = {
        "360 images": World(trials=3),
        "656 images, accuracy 85 %": World(accuracy=(0.85,), trials=3, test=656),
        "2,000 images": World(trials=3, test=2000),
        "360 images, uneven classes": replace(UNEVEN, trials=3),
        "60 images": World(trials=3, test=60, accuracy=(0.94,)),
    }
    few = ("60 images",)
    for setting, world in worlds.items():
        for seeds in (3, 5):
            for truth, difference in DIFFERENCES.items():
                runs = max(2, int(6000 * scale))
                chance = np.random.default_rng([seeds, world.test, round(1000 * difference)])
                drawn = [
                    _repeated(replace(world, difference=difference), seeds, chance)
                    for _ in range(runs)
                ]
                where = f"{setting}, {seeds} seeds"
                outcomes = [one.outcome() for one in drawn]
                if difference == 0:
                    hits = [o in ("better", "worse") for o in outcomes]
                    claim = "the configuration beat, or did worse"
                    yield row_of(claim, truth, where, "at most 5 %", hits)
                else:
                    hits = [o == "better" for o in outcomes]
                    yield row_of("the configuration beat", truth, where, "as it comes", hits)
                covered = [one.interval.contains(difference) for one in drawn]
                claim = "interval of the configurations' difference"
                bound: Bound = "at least 95 %" if setting in few else "93 to 97 %"
                yield row_of(claim, truth, where, bound, covered)


def _repeated(world: World, seeds: int, chance: np.random.Generator) -> Repeated:
    """The best of three finalists by validation, and the recipe, both tested with these trainings.

    Beyond what seeds do to single images, each training has its own luck (`SEED_LUCK`), which the
    choice on validation images selects too.
    """
    luck = SEED_LUCK * chance.standard_normal((FINALISTS + 1, seeds, 1))
    configurations = [(world.difference, one) for one in luck[:-1]]
    shown = _trained(world, world.validation, configurations, chance)
    best = int(np.argmax([right.mean() for right in shown]))
    pair = [configurations[best], (0.0, luck[-1])]
    return Repeated.of(*_trained(world, world.test, pair, chance))


def _trained(
    world: World,
    images: int,
    configurations: list[tuple[float, NDArray[np.float64]]],
    chance: np.random.Generator,
) -> list[NDArray[np.bool_]]:
    """Whether each training of each configuration is right on new images, (seeds, images) each.

    Args:
        configurations: True accuracy − the recipe's, and the luck of each seed, shape (seeds, 1).
    """
    ease, width = EASE * chance.standard_normal(images), (1 + SEED_LUCK**2) ** 0.5
    right = []
    for difference, fortune in configurations:
        own = CONFIGURATION * chance.standard_normal(images)
        rest = (SEED**2 + EPOCH**2) ** 0.5 * chance.standard_normal((len(fortune), images))
        right.append(world.means(images, difference) * width + ease + own + fortune + rest > 0)
    return right
