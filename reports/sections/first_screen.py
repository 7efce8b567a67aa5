"""The first screen: the answer, its warnings, and the incumbent over time."""

from __future__ import annotations

from reports.analysis.answer import costs, results, status, winning_settings
from reports.analysis.comparisons.agreement import disagreement_sentences
from reports.analysis.comparisons.verdict import verdict
from reports.analysis.curves import incumbents, recipe_marks
from reports.data.run_data import RunData
from reports.figures.progress import draw_incumbent
from reports.page.document import Document, Section
from reports.page.picture import Picture
from reports.text import formats


def document(data: RunData, sections: tuple[Section, ...]) -> Document:
    """The report of a run."""
    return Document(
        title=f"{data.study.name}: what the search found",
        status=status(data),
        verdict=verdict(data),
        warnings=tuple(disagreement_sentences(data)),
        results=tuple(results(data)),
        costs=tuple(costs(data)),
        settings=tuple(winning_settings(data)),
        winner=_winner(data),
        notes=tuple(_notes(data)),
        picture=incumbent_picture(data),
        sections=sections,
    )


def incumbent_picture(data: RunData) -> Picture | None:
    """The best result so far by search time, with the recipes marked."""
    steps = incumbents(data.history, data.objective, data.working_time)
    if not steps:
        return None
    marks = recipe_marks(data)
    first, last = steps[0], steps[-1]
    name = formats.metric_name(data.objective)
    end = max(data.working_time.total, last.seconds)
    values = [formats.metric(step.value, data.objective) for step in (first, last)]
    recipes = ", ".join(f"{m.recipe} {formats.metric(m.value, data.objective)}" for m in marks)
    alt = (
        f"Step line of the best {name} by search time: from {values[0]} (trial {first.trial}) to "
        f"{values[1]} (trial {last.trial}, after {formats.duration(last.seconds)}) in "
        f"{formats.plural(len(steps), 'step')}. Recipes: {recipes or 'none has a result'}."
    )
    caption = (
        f"Best {name} of any trial by search time, without pauses. The other marks are the "
        "recipes, each at its own best epoch."
    )
    return Picture(
        "incumbent",
        "Incumbent over time",
        caption,
        alt,
        lambda: draw_incumbent(steps, marks, end, data.objective),
    )


def _winner(data: RunData) -> str | None:
    winner = data.winner
    if winner is None:
        return None
    who = "The best so far" if data.is_under_way else "The winner"
    name = f"{who} is trial {winner.number}"
    if winner.recipe:
        name += f", the recipe {winner.recipe}"
    best = winner.best(data.objective)
    if best is None:
        return name
    value = formats.metric(getattr(best, data.objective.metric), data.objective)
    return f"{name}, {formats.metric_name(data.objective)} {value} at epoch {best.epoch}"


def _notes(data: RunData) -> list[str]:
    notes = []
    incumbent, winner = data.history.incumbent(data.objective), data.winner
    if incumbent and winner and incumbent.number != winner.number:
        notes.append(
            f"Trial {winner.number} is the winner, though trial {incumbent.number} has the better "
            f"single {formats.metric_name(data.objective)}."
        )
    tested = data.test if data.finetuning is not None else None
    if tested is not None and tested.in_role("final") is None:
        notes.append("The fine-tuned model was not tested.")
    if winner is not None and not data.is_under_way:
        left = ["fine-tune the winner (thawtune finetune)"] if data.finetuning is None else []
        left += ["open the test set (thawtune evaluate)"] if data.test is None else []
        notes += [f"Still to do: {', '.join(left)}."] if left else []
    return notes
