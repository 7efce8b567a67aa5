"""The section about the search: curves, rungs, finalists, hyperparameters, and all trials."""

from __future__ import annotations

from matplotlib.figure import Figure

from reports.analysis.answer import trial_states
from reports.analysis.curves import validation_curves
from reports.analysis.rungs import FAILED, STOPPED, WENT_ON, Rung, rung_name, rungs, rungs_table
from reports.analysis.trial_tables import incumbents_table, trials_table
from reports.data.run_data import RunData
from reports.figures.progress import draw_validation_curves
from reports.figures.rungs import draw_rungs
from reports.page.document import Beside, Block, Heading, Section, TableBlock, Text
from reports.page.picture import Picture
from reports.sections import finalists, hyperparameters
from reports.text import formats


def section(data: RunData) -> Section:
    """Curves, incumbents, rungs, finalists, hyperparameters and the table of trials."""
    if not data.trials:
        return Section("search", "Search", (Text("No trial has started yet."),))
    blocks: list[Block] = [Text(_budget(data)), _curves(data)]
    blocks += [Heading("Rungs", "rungs"), *_rungs(data)]
    blocks += [Heading("Finalists", "finalists"), *finalists.blocks(data)]
    blocks += hyperparameters.blocks(data)
    blocks += [Heading("Trials", "trials"), TableBlock(trials_table(data))]
    return Section("search", "Search", tuple(blocks))


def _budget(data: RunData) -> str:
    budget = data.study.budget
    tried = f"{len(data.trials):,} of the {formats.plural(budget.trials, 'trial')} in the budget"
    if budget.seconds is not None:
        limit = f"{budget.seconds:,.0f} s or {formats.plural(budget.trials, 'trial')}"
        tried = f"{formats.plural(len(data.trials), 'trial')}, in a budget of {limit}"
    return (
        f"{tried}: {trial_states(data)}. The scheduler stops weak trials from epoch "
        f"{budget.grace_period} on, with reduction factor {budget.reduction_factor:g}; no trial "
        f"runs beyond epoch {budget.max_epochs}."
    )


def _curves(data: RunData) -> Block:
    curves = validation_curves(data.history, data.objective)
    if not curves:
        return Text("No trial has reported an epoch yet, so there are no curves.")
    winner = data.winner.number if data.winner else None
    name = formats.metric_name(data.objective)
    alt = f"Lines of the {name} by epoch, one for each of {formats.plural(len(curves), 'trial')}"
    alt += f"; the winner is trial {winner}." if winner is not None else "; there is no winner."
    caption = (
        f"{formats.sentence(name)} of every trial by epoch. A marker ends each line: ● complete, "
        "○ pruned, △ running, × failed, ★ the winner. Outliers lie outside the axes; a line that "
        "ends there has its marker on the edge."
    )

    def draw() -> Figure:
        return draw_validation_curves(curves, winner, data.objective)

    picture = Picture("validation_curves", "All trials", caption, alt, draw)
    return Beside(picture, TableBlock(incumbents_table(data)))


def _rungs(data: RunData) -> list[Block]:
    found = rungs(data)
    text = (
        "At a rung a trial continues if it is among the best that have reached the rung so far, so "
        "early ones pass more easily than late ones."
    )
    if data.study.budget.promote:
        text = "At a rung a trial waits until it is among the best that have reached it."
    if data.study.recipes:
        text += " Recipes count at the rungs but are never stopped."
    return [Text(text), Beside(_rungs_picture(found), TableBlock(rungs_table(found)))]


def _rungs_picture(found: list[Rung]) -> Picture:
    listed = "; ".join(
        f"{rung_name(rung, found)}: {rung.reached:,} reached, {rung.fates[WENT_ON]:,} continued, "
        f"{rung.fates[STOPPED]:,} stopped, {rung.fates[FAILED]:,} failed"
        for rung in found
    )
    return Picture(
        "rungs",
        "Rung survival",
        "Trials by the rung they reached and what happened to them before the next one; the number "
        "at the end of a bar is how many reached it.",
        f"Bars of trials by rung. {listed}.",
        lambda: draw_rungs(found),
    )
