"""Simulated runs: how often verdicts on one training each, and warnings, are wrong."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from reports.analysis.comparisons.agreement import Agreement
from reports.data.finalists import luck
from reports.statistics.paired import MARGIN, Paired, holm
from reports.statistics.proportions import newcombe
from tests.reports.simulations.rows import Bound, Row, row_of
from tests.reports.simulations.runs import (
    DIFFERENCES,
    FINALISTS,
    SETTINGS,
    TEST_SETS,
    Simulated,
    World,
    simulate,
)


def runs_rows(scale: float) -> Iterator[Row]:
    """Verdicts and intervals of whole runs."""
    for setting, (world, trials, runs) in SETTINGS.items():
        for truth, difference in DIFFERENCES.items():
            drawn = list(simulate(_with(world, trials, difference), max(2, int(runs * scale))))
            yield from _planned_rows(drawn, setting, truth, difference)
            if difference == 0:
                yield from _agreement_rows(drawn, setting, world, trials)
    lucky = World(trials=100, validation=394, test=656, accuracy=(0.91,), shift=-0.075)
    drawn = list(simulate(lucky, max(2, int(400 * scale))))
    setting = "394 and 656 images, 100 trials"
    yield _flagged(drawn, "test set 7.5 points harder", setting, lucky, "as it comes")


def _with(world: World, trials: int, difference: float) -> World:
    return World(world.accuracy, difference, world.classes, trials)


def _planned_rows(
    drawn: list[Simulated], setting: str, truth: str, difference: float
) -> Iterator[Row]:
    pairs = [pair for one in drawn for pair in one.pairs]
    outcomes = [pair.outcome() for pair in pairs]

    def row(claim: str, bound: Bound, hits: list[bool]) -> Row:
        return row_of(claim, truth, setting, bound, hits)

    if difference == 0:
        yield row("beat, or did worse", "at most 5 %", [o in ("better", "worse") for o in outcomes])
    else:
        yield row("beat", "as it comes", [o == "better" for o in outcomes])
        yield row("did worse", "at most 5 %", [o == "worse" for o in outcomes])
    covered = [pair.interval.contains(difference) for pair in pairs]
    yield row("interval of the difference", "93 to 97 %", covered)


def _agreement_rows(
    drawn: list[Simulated], setting: str, world: World, trials: int
) -> Iterator[Row]:
    yield _flagged(drawn, "sets alike, finalists", setting, world, "at most 5 %")
    found = [
        [Agreement(one.incumbent, world.validation, tested, world.test, trials).is_broken
         for tested in one.tested]
        for one in drawn
    ]  # fmt: skip
    claim = "validation and test disagree"
    yield row_of(claim, "sets alike, no finalists", setting, "at most 5 %", found)


def _flagged(drawn: list[Simulated], truth: str, setting: str, world: World, bound: Bound) -> Row:
    found = [
        [Agreement(one.chosen, world.validation, t, world.test, 2 * FINALISTS).is_broken
         for t in one.tested]
        for one in drawn
    ]  # fmt: skip
    return row_of("validation and test disagree", truth, setting, bound, found)


def other_rows(scale: float) -> Iterator[Row]:
    """Comparisons beyond the planned one, the margin, what a test can detect, and luck."""
    runs = max(2, int(1000 * scale))
    world, setting = World(trials=5), "360 images, 10 recipes"
    drawn = [rest for one in simulate(world, runs, others=10) for rest in one.others]
    any_found = [min(holm([pair.p for pair in rest])) < 0.05 for rest in drawn]
    claim = "beat, or did worse, for any other recipe"
    yield row_of(claim, "no difference", setting, "at most 5 %", any_found)
    for images, accuracy in ((2000, 0.99), (10_000, 0.98), (10_000, 0.95)):
        world = World(accuracy=(accuracy - MARGIN,), difference=MARGIN, trials=3, test=images)
        pairs = [pair for one in simulate(world, runs // 2) for pair in one.pairs]
        setting = f"{images:,} images, accuracy {100 * accuracy:g} %"
        equal = [pair.outcome() == "equal" for pair in pairs]
        yield row_of("equal", "winner 1 point better", setting, "at most 5 %", equal)
        world = World(accuracy=(accuracy,), trials=3, test=images)
        pairs = [pair for one in simulate(world, runs // 2) for pair in one.pairs]
        yield row_of(
            "equal",
            "no difference",
            setting,
            "as it comes",
            [p.outcome() == "equal" for p in pairs],
        )
    yield from _without_predictions(runs)
    yield from _detectable(runs)
    yield from _luck(runs)


def _without_predictions(runs: int) -> Iterator[Row]:
    """Winner and recipe as if of different images."""
    setting = "360 images, no predictions"
    for truth, difference in DIFFERENCES.items():
        covered, claimed = [], []
        for one in simulate(World(difference=difference, trials=3), runs):
            for pair, tested in zip(one.pairs, one.tested, strict=True):
                interval = newcombe(tested, 360, tested - pair.difference, 360)
                covered.append(interval.contains(difference))
                claimed.append(not interval.contains(0))
        claim = "interval of the difference, without predictions"
        yield row_of(claim, truth, setting, "at least 95 %", covered)
        if difference == 0:
            yield row_of("beat, or did worse", truth, setting, "at most 5 %", claimed)


def _detectable(runs: int) -> Iterator[Row]:
    """The power where the truth is what the page says a test of this size would show."""
    chance = np.random.default_rng(0)
    for images, disagreement in ((360, 0.05), (656, 0.1), (2000, 0.1)):
        difference = Paired(round(images * disagreement), 0, images).detectable
        first, second = (disagreement + difference) / 2, (disagreement - difference) / 2
        counts = chance.multinomial(images, [first, second, 1 - disagreement], 4 * runs)
        found = [Paired(int(b), int(c), images).outcome() == "better" for b, c, _ in counts]
        truth = f"winner {100 * difference:.1f} points better, the detectable difference"
        setting = f"{images:,} images, {100 * disagreement:g} % disagreement"
        yield row_of("beat", truth, setting, "about 80 %", found)


def _luck(runs: int) -> Iterator[Row]:
    """The search's value is what the seeds have on the average, so it was neither."""
    chance = np.random.default_rng(0)
    for seeds in (2, 3, 5):
        means, deviations = [], []
        for _ in range(TEST_SETS * runs):
            drawn = chance.normal(size=seeds)
            means.append(drawn.mean())
            deviations.append(drawn.std(ddof=1) / seeds**0.5)
        found = [
            "lucky one" in luck(-mean, error, seeds)
            for mean, error in zip(means, deviations, strict=True)
        ]
        claim = "the search's value was a lucky, or an unlucky, one"
        yield row_of(claim, "it was neither", f"{seeds} seeds", "about 5 %", found)
