"""Models against each other on the same test images, by McNemar's test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.data.result_files import EvaluatedModel
from reports.data.run_data import RunData
from reports.statistics.mcnemar import LEVEL, McNemar, holm, mcnemar
from reports.statistics.proportions import Interval, agresti_min
from reports.text import formats
from reports.text.table import Cell, Column, Row, Table, row

Outcome = Literal["beat", "equalled", "worse"]
WORDS = {"beat": "beat", "equalled": "equalled", "worse": "did worse than"}


@dataclass(frozen=True)
class Rivalry:
    """Two models on the same images.

    Attributes:
        first, second: The models.
        result: How often one alone was right, and the uncorrected p.
        corrected: p after Holm's correction over all rivalries of the run.
        of: How many these are.
        images: How many there are.
    """

    first: EvaluatedModel
    second: EvaluatedModel
    result: McNemar
    corrected: float
    of: int
    images: int

    @property
    def difference(self) -> float:
        """Accuracy of the first − that of the second."""
        return (self.result.only_first - self.result.only_second) / self.images

    @property
    def interval(self) -> Interval:
        """95 % interval of the difference."""
        return agresti_min(self.result.only_first, self.result.only_second, self.images)

    @property
    def outcome(self) -> Outcome:
        """What the first did to the second; what may be chance is called equal."""
        if self.corrected >= LEVEL:
            return "equalled"
        return "beat" if self.difference > 0 else "worse"


def rivalries(data: RunData) -> list[Rivalry]:
    """The winner against all others as searched, and the final model against the best recipe.

    The first ones are like for like: both were trained on the training images alone.
    """
    pairs = _pairs(data)
    found = [
        mcnemar(data.predictions[a.name].is_right, data.predictions[b.name].is_right)
        for a, b in pairs
    ]
    corrected = holm([one.p for one in found])
    return [
        Rivalry(a, b, one, p, len(pairs), len(data.predictions[a.name].images))
        for (a, b), one, p in zip(pairs, found, corrected, strict=True)
    ]


def _pairs(data: RunData) -> list[tuple[EvaluatedModel, EvaluatedModel]]:
    if data.test is None:
        return []
    winner, final = data.test.in_role("winner"), data.test.in_role("final")
    others = [m for m in data.test.models if m.role not in ("winner", "final")]
    pairs = [(winner, m) for m in others if winner is not None and m.trial != winner.trial]
    recipe = data.best_recipe(among={m.trial for m in others if m.role == "recipe"})
    second = data.test.of_trial(recipe.number) if recipe else None
    if final is not None and second is not None:
        pairs.append((final, second))
    return [(a, b) for a, b in pairs if a and _are_of_the_same_images(data, a, b)]


def _are_of_the_same_images(data: RunData, a: EvaluatedModel, b: EvaluatedModel) -> bool:
    first, second = data.predictions.get(a.name), data.predictions.get(b.name)
    return first is not None and second is not None and first.images == second.images


def rivals_table(found: list[Rivalry]) -> Table:
    """Each comparison with its test."""
    columns = (
        Column("first", "model", is_number=False),
        Column("second", "against", is_number=False),
        Column("only_first", "it alone is right"),
        Column("only_second", "the other alone is right"),
        Column("difference", "difference, points"),
        Column("low", "from"),
        Column("high", "to"),
        Column("p", "p"),
        Column("corrected", "p, corrected"),
        Column("outcome", "in a word", is_number=False),
    )
    caption = (
        "McNemar's exact test on the same test images, corrected for "
        f"{formats.plural(len(found), 'comparison')} by Holm's method; the differences' 95 % "
        "intervals are Agresti and Min's."
    )
    empty = "There are no two models whose predictions of the same images are on file."
    return Table("comparisons", caption, columns, tuple(map(_row, found)), empty=empty)


def _row(one: Rivalry) -> Row:
    interval = one.interval
    differences = (one.difference, interval.low, interval.high)
    return row(
        [
            Cell.of(one.first.name),
            Cell.of(one.second.name),
            Cell.of(one.result.only_first),
            Cell.of(one.result.only_second),
            *(Cell.of(value, formats.points(value)) for value in differences),
            *(Cell.of(p, formats.p_value(p)) for p in (one.result.p, one.corrected)),
            Cell.of({"beat": "better", "equalled": "equal", "worse": "worse"}[one.outcome]),
        ]
    )


def sentence(one: Rivalry) -> str:
    """A comparison in plain words."""
    values = f"{formats.percent(one.first.accuracy)} against {formats.percent(one.second.accuracy)}"
    text = (
        f"{formats.sentence(_name(one.first))} {WORDS[one.outcome]} {_name(one.second)}: {values} "
        f"on the same {one.images:,} test images"
    )
    if one.outcome == "equalled" and one.difference:
        text += ", a difference that may be chance"
    return (
        f"{text} (McNemar's exact test, {one.result.only_first:,} images to "
        f"{one.result.only_second:,}, p {formats.p_value(one.corrected, equals=True)} after "
        f"correction for {formats.plural(one.of, 'comparison')})."
    )


def _name(model: EvaluatedModel) -> str:
    names = {
        "final": "the final model, which has also seen the validation images,",
        "winner": "the winner as searched",
        "recipe": f"the recipe {model.name}",
        "random": "random search",
    }
    return names[model.role]
