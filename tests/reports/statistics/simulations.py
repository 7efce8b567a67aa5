"""Simulations: how often each verdict of the report is wrong, and what its intervals cover.

`make simulations` draws runs from known truths, applies the report's own functions to them, and
writes the table of docs/statistics.md. Whether a model is right on an image depends on how easy the
image is for all models, on the configuration, on the seed and on the epoch; true accuracies are
known exactly.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from reports.analysis.agreement import Agreement
from reports.data.finalists import luck
from reports.statistics.paired import MARGIN, Paired, holm
from reports.statistics.proportions import newcombe
from reports.statistics.repeated import Repeated
from tests.reports.statistics import simulated_scores

PAGE = Path(__file__).parents[3] / "docs" / "statistics.md"

EASE, CONFIGURATION, SEED, EPOCH = (share**0.5 for share in (0.6, 0.2, 0.1, 0.1))
"""Standard deviations of what decides whether a model is right on an image; variances add up to 1:
so an accuracy is Φ(its mean)."""

SEED_LUCK = 0.1
"""What a seed does to all images alike: about a point of accuracy at 95 %."""

EPOCHS, FINALISTS, SEEDS, TEST_SETS = 3, 3, 3, 20
Bound = Literal[
    "at most 5 %", "about 5 %", "93 to 97 %", "at least 95 %", "about 80 %", "as it comes"
]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        claim: What the page says, or which interval it shows.
        truth: What holds in the simulation.
        setting: Images and trials.
        bound: What the rate must be.
        rate: How often the claim was made, or the interval covered the truth.
        error: Monte Carlo standard error of the rate.
        repetitions: The number of test sets, or searches, that it was counted in.
    """

    claim: str
    truth: str
    setting: str
    bound: Bound
    rate: float
    error: float
    repetitions: int

    @property
    def name(self) -> tuple[str, str, str, str]:
        """All of it but what was measured."""
        return self.claim, self.truth, self.setting, self.bound

    def holds(self, errors: float = 0.0) -> bool:
        """Whether the rate is within its bound, give or take so many Monte Carlo errors."""
        low, high = LIMITS[self.bound]
        slack = errors * self.error
        return low - slack <= self.rate <= high + slack


LIMITS: dict[str, tuple[float, float]] = {
    "at most 5 %": (0, 0.05),
    "about 5 %": (0.04, 0.06),
    "93 to 97 %": (0.93, 0.97),
    "at least 95 %": (0.95, 1),
    "about 80 %": (0.75, 0.85),
    "as it comes": (0, 1),
}


@dataclass(frozen=True)
class World:
    """A truth to draw runs from.

    Attributes:
        accuracy: Of the recipe, by class.
        difference: True accuracy of every searched configuration − the recipe's, in each class.
        classes: Share of each class; the sets are stratified.
        trials: Of the search.
        validation, test: Images.
        shift: Added to every model's accuracy on the test set alone: a test set that is not alike.
    """

    accuracy: tuple[float, ...] = (0.95,)
    difference: float = 0.0
    classes: tuple[float, ...] = (1.0,)
    trials: int = 20
    validation: int = 360
    test: int = 360
    shift: float = 0.0

    def labels(self, images: int) -> NDArray[np.int64]:
        """Class of each image, as many of each class in every draw."""
        counts = [round(images * share) for share in self.classes]
        counts[0] += images - sum(counts)
        return np.repeat(np.arange(len(counts)), counts)

    def means(self, images: int, difference: float, shift: float = 0.0) -> NDArray[np.float64]:
        """Of a model with so much more accuracy than the recipe, by image."""
        by_class = norm.ppf(np.array(self.accuracy) + difference + shift)
        return by_class[self.labels(images)]


@dataclass(frozen=True)
class Simulated:
    """One run, as the report would see it.

    Attributes:
        incumbent: Best validation accuracy over trials and epochs.
        chosen: Mean validation accuracy of the chosen finalist over new seeds.
        pairs: Winner against recipe, on several test sets.
        others: Winner against other recipes of the same accuracy, on each test set.
        tested: The winner's accuracy on each test set.
    """

    incumbent: float
    chosen: float
    pairs: list[Paired]
    others: list[list[Paired]]
    tested: list[float]


def simulate(world: World, runs: int, seed: int = 0, others: int = 0) -> Iterator[Simulated]:
    """Draw runs: a search on validation images, its finalists, and the test of the winner."""
    chance = np.random.default_rng([seed, world.trials, world.test])
    for _ in range(runs):
        incumbent, chosen = _searched(world, chance)
        pairs, rest, tested = [], [], []
        for _ in range(TEST_SETS):
            right = _tested(world, others, chance)
            pairs.append(Paired.of(right[0], right[1]))
            rest.append([Paired.of(right[0], other) for other in right[2:]])
            tested.append(float(right[0].mean()))
        yield Simulated(incumbent, chosen, pairs, rest, tested)


def _searched(world: World, chance: np.random.Generator) -> tuple[float, float]:
    """Best single result of the search, and the best mean of its finalists."""

    def normal(*shape: int) -> NDArray[np.float32]:
        return chance.standard_normal(shape, dtype=np.float32)

    images = world.validation
    base = world.means(images, world.difference) + EASE * normal(images)
    own = base + CONFIGURATION * normal(world.trials, images)
    once = own + SEED * normal(world.trials, images)
    best = np.zeros(world.trials)
    for _ in range(EPOCHS):
        shown = once + EPOCH * normal(world.trials, images) > 0
        best = np.maximum(best, shown.mean(axis=1))
    finalists = np.argsort(-best)[:FINALISTS]
    again = own[finalists, None, None] + SEED * normal(FINALISTS, SEEDS, 1, images)
    shown = again + EPOCH * normal(FINALISTS, SEEDS, EPOCHS, images) > 0
    means = shown.mean(axis=-1).max(axis=-1).mean(axis=-1)
    return float(best.max()), float(means.max())


def _tested(world: World, others: int, chance: np.random.Generator) -> NDArray[np.bool_]:
    """Whether winner, recipe and other recipes are right, shape (models, images)."""
    images = world.test
    differences = [world.difference, *[0.0] * (1 + others)]
    means = np.stack([world.means(images, d, world.shift) for d in differences])
    spread = (1 - EASE**2) ** 0.5
    ease = EASE * chance.standard_normal(images)
    return means + ease + spread * chance.standard_normal((2 + others, images)) > 0


EVEN = World()
UNEVEN = World(accuracy=(0.95, 0.9, 0.8, 0.7), classes=(0.7, 0.2, 0.07, 0.03))
SETTINGS = {
    "360 images, 20 trials": (EVEN, 20, 1500),
    "360 images, 100 trials": (EVEN, 100, 1500),
    "360 images, 500 trials": (EVEN, 500, 1000),
    "360 images, 100 trials, uneven classes": (UNEVEN, 100, 1500),
}
DIFFERENCES = {"no difference": 0.0, "winner 1 point better": 0.01, "winner 4 points better": 0.04}


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
        return _row(claim, truth, setting, bound, hits)

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
    yield _row(claim, "sets alike, no finalists", setting, "at most 5 %", found)


def _flagged(drawn: list[Simulated], truth: str, setting: str, world: World, bound: Bound) -> Row:
    found = [
        [Agreement(one.chosen, world.validation, t, world.test, 2 * FINALISTS).is_broken
         for t in one.tested]
        for one in drawn
    ]  # fmt: skip
    return _row("validation and test disagree", truth, setting, bound, found)


def other_rows(scale: float) -> Iterator[Row]:
    """Comparisons beyond the planned one, the margin, what a test can detect, and luck."""
    runs = max(2, int(1000 * scale))
    world, setting = World(trials=5), "360 images, 10 recipes"
    drawn = [rest for one in simulate(world, runs, others=10) for rest in one.others]
    any_found = [min(holm([pair.p for pair in rest])) < 0.05 for rest in drawn]
    claim = "beat, or did worse, for any other recipe"
    yield _row(claim, "no difference", setting, "at most 5 %", any_found)
    for images, accuracy in ((2000, 0.99), (10_000, 0.98), (10_000, 0.95)):
        world = World(accuracy=(accuracy - MARGIN,), difference=MARGIN, trials=3, test=images)
        pairs = [pair for one in simulate(world, runs // 2) for pair in one.pairs]
        setting = f"{images:,} images, accuracy {100 * accuracy:g} %"
        equal = [pair.outcome() == "equal" for pair in pairs]
        yield _row("equal", "winner 1 point better", setting, "at most 5 %", equal)
        world = World(accuracy=(accuracy,), trials=3, test=images)
        pairs = [pair for one in simulate(world, runs // 2) for pair in one.pairs]
        yield _row(
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
        yield _row(claim, truth, setting, "at least 95 %", covered)
        if difference == 0:
            yield _row("beat, or did worse", truth, setting, "at most 5 %", claimed)


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
        yield _row("beat", truth, setting, "about 80 %", found)


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
                    yield _row(claim, truth, where, "at most 5 %", hits)
                else:
                    hits = [o == "better" for o in outcomes]
                    yield _row("the configuration beat", truth, where, "as it comes", hits)
                covered = [one.interval.contains(difference) for one in drawn]
                claim = "interval of the configurations' difference"
                bound: Bound = "at least 95 %" if setting in few else "93 to 97 %"
                yield _row(claim, truth, where, bound, covered)


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
        yield _row(claim, "it was neither", f"{seeds} seeds", "about 5 %", found)


def _row(
    claim: str, truth: str, setting: str, bound: Bound, hits: Sequence[bool] | Sequence[list[bool]]
) -> Row:
    """The rate, with its error from what is independent: the outer list."""
    by_run = np.asarray(hits, dtype=float)
    means = by_run if by_run.ndim == 1 else by_run.mean(axis=1)
    error = float(means.std(ddof=1) / len(means) ** 0.5)
    return Row(claim, truth, setting, bound, float(means.mean()), error, by_run.size)


PARTS: tuple[Callable[[float], Iterator[Row]], ...] = (
    runs_rows,
    configuration_rows,
    other_rows,
    lambda scale: (_row(*values) for values in simulated_scores.rows(scale)),
)


def all_rows(scale: float = 1.0) -> list[Row]:
    """Every row of the table.

    Args:
        scale: Repetitions, as a share of those of the published table.
    """
    return [row for part in PARTS for row in part(scale)]


def main() -> int:
    """Write the table; 1 if a row is out of its bound."""
    rows = all_rows()
    before, mark, _ = PAGE.read_text(encoding="utf-8").partition("<!-- table -->\n")
    PAGE.write_text(f"{before}{mark}{table(rows)}", encoding="utf-8")
    broken = [row for row in rows if not row.holds()]
    for row in broken:
        print(f"out of bound: {row}")
    print(f"{len(rows)} rows, {len(broken)} out of bound: {PAGE}")
    return bool(broken)


def table(rows: list[Row]) -> str:
    """The rows in Markdown."""
    lines = [
        "| The page says | Truth | Setting | Must be | Found | ± | Of |",
        "|---|---|---|---|--:|--:|--:|",
    ]
    lines += [
        f"| {' | '.join(row.name)} | {100 * row.rate:.1f} % | {100 * row.error:.1f} "
        f"| {row.repetitions:,} |"
        for row in rows
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
