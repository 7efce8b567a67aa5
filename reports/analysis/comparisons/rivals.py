"""Models compared on the same test images: one planned comparison, the others corrected."""

from __future__ import annotations

from dataclasses import dataclass

from reports.analysis.comparisons.configurations import compare_configurations
from reports.analysis.comparisons.words import IN_A_WORD, against, deciding, did
from reports.analysis.kinds import ACCURACY, Kind
from reports.data.result_files import EvaluatedModel
from reports.data.run_data import RunData
from reports.statistics.paired import Outcome, Paired, holm
from reports.statistics.score_pair import ScorePair
from reports.text import formats
from reports.text.table import Cell, Column, Row, Table, row


@dataclass(frozen=True)
class Rivalry:
    """Two models on the same images.

    Attributes:
        first, second: The models.
        kind: The score that they are compared by.
        result: Which of them is right where the other is not, or another score of both.
        p: The p value that decides: corrected by Holm's method over all comparisons that were not
            planned, or that of the test itself.
        of: How many comparisons it was corrected for.
        is_planned: Whether it was fixed before the test set was opened.
    """

    first: EvaluatedModel
    second: EvaluatedModel
    kind: Kind
    result: Paired | ScorePair
    p: float
    of: int = 1
    is_planned: bool = False

    @property
    def outcome(self) -> Outcome:
        """What can be said of the first model."""
        return self.result.outcome(self.p)

    @property
    def values(self) -> tuple[float, float]:
        """The score of each."""
        if isinstance(self.result, ScorePair):
            return self.result.first, self.result.second
        return self.first.accuracy, self.second.accuracy

    @property
    def is_only_corrected_away(self) -> bool:
        """Whether the interval leaves out zero, but not after the correction."""
        return self.outcome not in ("better", "worse") and not self.result.interval.contains(0)


def rivalries(data: RunData) -> list[Rivalry]:
    """The planned comparison of the winner with the best recipe first, then all others.

    The winner meets every other model as searched, which is like for like: all were trained on the
    training images alone. The final model meets the best recipe. The planned comparison was fixed
    before the test set was opened, so it is tested by itself; Holm's correction covers the others.
    Where configurations are compared over several seeds, that is the planned comparison, and those
    of single trainings are all corrected.
    """
    recipe, kind = _best_recipe(data), deciding(data)
    winner = data.test.in_role("winner") if data.test else None
    has_planned = compare_configurations(data, winner, recipe) is None
    pairs = _pairs(data, recipe)
    planned = [p for p in pairs if has_planned and p[0].role == "winner" and p[1] is recipe]
    others = [pair for pair in pairs if pair not in planned]
    results = [_paired(data, kind, *pair) for pair in others]
    corrected = holm([result.p for result in results])
    found = [
        Rivalry(*p, kind, (r := _paired(data, kind, *p)), r.p, is_planned=True) for p in planned
    ]
    return found + [
        Rivalry(*pair, kind, result, p, len(others))
        for pair, result, p in zip(others, results, corrected, strict=True)
    ]


def _paired(data: RunData, kind: Kind, a: EvaluatedModel, b: EvaluatedModel) -> Paired | ScorePair:
    first, second = data.predictions[a.name], data.predictions[b.name]
    if kind is ACCURACY:
        return Paired.of(first.is_right, second.is_right)
    return ScorePair.of(kind.name, first.scores, second.scores)


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
    kind = found[0].kind if found else ACCURACY
    each = (
        ("only_first", "it alone is right"),
        ("only_second", "the other alone is right"),
    )
    if kind is not ACCURACY:
        each = (("first_score", kind.title), ("second_score", "that of the other"))
    columns = (
        Column("first", "model", is_number=False),
        Column("second", "against", is_number=False),
        *(Column(*one) for one in each),
        Column("difference", f"difference{', points' if kind.is_share else ''}"),
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
    test = "McNemar's mid-p test on the same test images, with Tango's"
    if kind is not ACCURACY:
        test = (
            f"A t test of what each of the same test images contributes to the {kind.title}, with "
            "its"
        )
    caption = (
        f"{test} 95 % interval of the difference. {planned}Holm's correction covers "
        f"{formats.plural(others, 'comparison')}, their intervals hold each by itself. Equal: the "
        f"interval lies within {kind.margin}."
    )
    empty = "There are no two models whose predictions of the same images are on file."
    return Table("comparisons", caption, columns, tuple(map(_row, found)), empty=empty)


def _row(one: Rivalry) -> Row:
    interval = one.result.interval
    differences = (one.result.difference, interval.low, interval.high)
    if isinstance(one.result, ScorePair):
        each = [Cell.of(value, one.kind.shown(value)) for value in one.values]
    else:
        each = [Cell.of(one.result.only_first), Cell.of(one.result.only_second)]
    return row(
        [
            Cell.of(one.first.name),
            Cell.of(one.second.name),
            *each,
            *(Cell.of(value, one.kind.points(value)) for value in differences),
            *(Cell.of(p, formats.p_value(p)) for p in (one.result.p, one.p)),
            Cell.of(IN_A_WORD[one.outcome]),
        ]
    )


def sentence(one: Rivalry) -> str:
    """A comparison in plain words."""
    p = formats.p_value(one.p, equals=True)
    what = did(_name(one.first), _name(one.second), one.outcome, one.kind)
    test = "t test"
    if isinstance(one.result, Paired):
        test = (
            f"McNemar's mid-p test, {one.result.only_first:,} images to {one.result.only_second:,}"
        )
    text = (
        f"{formats.sentence(what)}: {against(one.kind, *one.values)} on the same "
        f"{one.result.images:,} test images ({test}, p {p}"
    )
    if one.of > 1:
        text += f" after Holm's correction for {formats.plural(one.of, 'comparison')}"
    if one.is_only_corrected_away:
        text += (
            "; by itself it would count as a difference, but among so many comparisons one such is "
            "to be expected"
        )
    return f"{text})."


def _name(model: EvaluatedModel) -> str:
    names = {
        "final": "the final model, which has also seen the validation images,",
        "winner": "the winner as searched",
        "recipe": f"the recipe {model.name}",
        "random": "the best model of a random search",
    }
    return names[model.role]
