"""Models compared on the same test images: one planned comparison, the others corrected."""

from __future__ import annotations

from dataclasses import dataclass

from reports.data.result_files import EvaluatedModel
from reports.data.run_data import RunData
from reports.statistics.paired import MARGIN, Outcome, Paired, holm
from reports.text import formats
from reports.text.table import Cell, Column, Row, Table, row

IN_A_WORD: dict[str, str] = {
    "better": "better",
    "worse": "worse",
    "equal": "equal",
    "open": "could not be told apart",
}
"""What is said of the first of two models, by outcome."""

MARGIN_TEXT = f"±{100 * MARGIN:g} point"


@dataclass(frozen=True)
class Rivalry:
    """Two models on the same images.

    Attributes:
        first, second: The models.
        result: Which of them is right where the other is not.
        p: The p value that decides: corrected by Holm's method over all comparisons that were not
            planned, or that of the test itself.
        of: How many comparisons it was corrected for.
        is_planned: Whether it was fixed before the test set was opened.
    """

    first: EvaluatedModel
    second: EvaluatedModel
    result: Paired
    p: float
    of: int = 1
    is_planned: bool = False

    @property
    def outcome(self) -> Outcome:
        """What can be said of the first model."""
        return self.result.outcome(self.p)

    @property
    def is_only_corrected_away(self) -> bool:
        """Whether the interval leaves out zero, but not after the correction."""
        return self.outcome not in ("better", "worse") and not self.result.interval.contains(0)


def rivalries(data: RunData, has_planned: bool = True) -> list[Rivalry]:
    """The planned comparison of the winner with the best recipe first, then all others.

    The winner meets every other model as searched, which is like for like: all were trained on the
    training images alone. The final model meets the best recipe. The planned comparison was fixed
    before the test set was opened, so it is tested by itself; Holm's correction covers the others.

    Args:
        data: The run.
        has_planned: False if configurations are compared over several seeds: then that is the
            planned comparison, and those of single trainings are all corrected.
    """
    recipe = _best_recipe(data)
    pairs = _pairs(data, recipe)
    planned = [p for p in pairs if has_planned and p[0].role == "winner" and p[1] is recipe]
    others = [pair for pair in pairs if pair not in planned]
    results = [_paired(data, *pair) for pair in others]
    corrected = holm([result.p for result in results])
    found = [Rivalry(*p, (r := _paired(data, *p)), r.p, is_planned=True) for p in planned]
    return found + [
        Rivalry(*pair, result, p, len(others))
        for pair, result, p in zip(others, results, corrected, strict=True)
    ]


def _paired(data: RunData, a: EvaluatedModel, b: EvaluatedModel) -> Paired:
    return Paired.of(data.predictions[a.name].is_right, data.predictions[b.name].is_right)


def _best_recipe(data: RunData) -> EvaluatedModel | None:
    if data.test is None:
        return None
    recipe = data.best_recipe(among={model.trial for model in data.test.models})
    return data.test.of_trial(recipe.number) if recipe else None


def _pairs(
    data: RunData, recipe: EvaluatedModel | None
) -> list[tuple[EvaluatedModel, EvaluatedModel]]:
    if data.test is None:
        return []
    winner, final = data.test.in_role("winner"), data.test.in_role("final")
    others = [m for m in data.test.models if m.role not in ("winner", "final")]
    pairs = [(winner, other) for other in others if winner and not _is_same(winner, other)]
    if final is not None and recipe is not None and recipe.role == "recipe":
        pairs.append((final, recipe))
    return [(a, b) for a, b in pairs if a and _have_the_same_images(data, a, b)]


def _is_same(winner: EvaluatedModel, other: EvaluatedModel) -> bool:
    """Whether a recipe is the winner itself; a random search's trial is one of another run."""
    return other.role == "recipe" and other.trial == winner.trial


def _have_the_same_images(data: RunData, a: EvaluatedModel, b: EvaluatedModel) -> bool:
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
    others = sum(not one.is_planned for one in found)
    planned = (
        "The first was planned before the test set was opened. " if others < len(found) else ""
    )
    caption = (
        "McNemar's mid-p test on the same test images, with Tango's 95 % interval of the "
        f"difference. {planned}Holm's correction covers "
        f"{formats.plural(others, 'comparison')}, their intervals hold each by itself. Equal: the "
        f"interval lies within {MARGIN_TEXT}."
    )
    empty = "There are no two models whose predictions of the same images are on file."
    return Table("comparisons", caption, columns, tuple(map(_row, found)), empty=empty)


def _row(one: Rivalry) -> Row:
    interval = one.result.interval
    differences = (one.result.difference, interval.low, interval.high)
    return row(
        [
            Cell.of(one.first.name),
            Cell.of(one.second.name),
            Cell.of(one.result.only_first),
            Cell.of(one.result.only_second),
            *(Cell.of(value, formats.points(value)) for value in differences),
            *(Cell.of(p, formats.p_value(p)) for p in (one.result.p, one.p)),
            Cell.of(IN_A_WORD[one.outcome]),
        ]
    )


def sentence(one: Rivalry) -> str:
    """A comparison in plain words."""
    values = f"{formats.percent(one.first.accuracy)} against {formats.percent(one.second.accuracy)}"
    p = formats.p_value(one.p, equals=True)
    text = (
        f"{formats.sentence(did(_name(one.first), _name(one.second), one.outcome))}: {values} on "
        f"the same {one.result.images:,} test images (McNemar's mid-p test, "
        f"{one.result.only_first:,} images to {one.result.only_second:,}, p {p}"
    )
    if one.of > 1:
        text += f" after Holm's correction for {formats.plural(one.of, 'comparison')}"
    if one.is_only_corrected_away:
        text += (
            "; by itself it would count as a difference, but among so many comparisons one such is "
            "to be expected"
        )
    return f"{text})."


def did(first: str, second: str, outcome: Outcome) -> str:
    """What one model did to another, without a full stop."""
    return {
        "better": f"{first} beat {second}",
        "worse": f"{first} did worse than {second}",
        "equal": f"{first} and {second} are equal within {MARGIN_TEXT}",
        "open": f"{first} and {second} could not be told apart",
    }[outcome]


def _name(model: EvaluatedModel) -> str:
    names = {
        "final": "the final model, which has also seen the validation images,",
        "winner": "the winner as searched",
        "recipe": f"the recipe {model.name}",
        "random": "the best model of a random search",
    }
    return names[model.role]
