"""The section about the search: every trial."""

from __future__ import annotations

from collections.abc import Callable

from matplotlib.figure import Figure

from reports import formats
from reports.answer import trial_states
from reports.curves import validation_curves
from reports.document import Beside, Block, Gallery, Heading, Section, TableBlock, Text
from reports.figures.picture import Picture
from reports.figures.progress import draw_validation_curves
from reports.figures.slices import draw_slice
from reports.run_data import RunData
from reports.slices import Slice, slices
from reports.trial_tables import incumbents_table, trials_table


def section(data: RunData) -> Section:
    """Curves, incumbents, slices and the table of trials."""
    trials = list(data.history.trials.values())
    if not trials:
        return Section("search", "Search", (Text("No trial has been started yet."),))
    blocks: list[Block] = [Text(_budget(data)), _curves(data)]
    pictures = tuple(_slice_picture(data, one) for one in slices(data))
    blocks.append(Heading("By hyperparameter", "slices"))
    if pictures:
        blocks += [Text(_how_to_read(data)), Gallery(pictures)]
    else:
        blocks.append(Text("No trial has a result, so there is nothing to compare."))
    blocks += [Heading("Trials", "trials"), TableBlock(trials_table(data))]
    return Section("search", "Search", tuple(blocks))


def _budget(data: RunData) -> str:
    budget = data.study.budget
    trials = list(data.history.trials.values())
    return (
        f"{len(trials):,} of {formats.plural(budget.trials, 'trial')} that the budget allows: "
        f"{trial_states(trials)}. The scheduler stops weak trials from epoch "
        f"{budget.grace_period} on, reduction factor {budget.reduction_factor:g}, and lets none "
        f"run beyond epoch {budget.max_epochs}."
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
        "○ pruned, △ running, × failed, ★ the winner. Values far from all others lie outside the "
        "axes; a line that ends there has its marker on the edge."
    )

    def draw() -> Figure:
        return draw_validation_curves(curves, winner, data.objective)

    picture = Picture("validation_curves", "All trials", caption, alt, draw)
    return Beside(picture, TableBlock(incumbents_table(data)))


def _how_to_read(data: RunData) -> str:
    return (
        f"The best {formats.metric_name(data.objective)} of each trial by one searched "
        "hyperparameter at a time; all others differ too. Pruned trials had fewer epochs. Failed "
        "trials are crosses on the bad edge, whatever they reported before. Choices are spread "
        "sideways only to be told apart."
    )


def _slice_picture(data: RunData, one: Slice) -> Picture:
    winner = data.winner.number if data.winner else None
    title = formats.sentence(one.name.replace("_", " "))
    values = [(y, trial) for y, trial in zip(one.y, one.trials, strict=True) if y is not None]
    alt = f"Points of the best {formats.metric_name(data.objective)} by {title.lower()}"
    alt += f", {formats.plural(len(values), 'trial')}"
    if values:
        pick: Callable[..., tuple[float, int]] = max if data.objective.mode == "max" else min
        value, trial = pick(values)
        point = getattr(data.history.trials[trial].point, one.name)
        best = formats.metric(value, data.objective)
        alt += f"; the best, {best}, is at {formats.hyperparameter(point)}"
    caption = f"{formats.plural(len(one.trials), 'trial')} with this hyperparameter."
    if one.is_log:
        caption += " Logarithmic axis."
    return Picture(
        f"slice_{one.name}",
        title,
        caption,
        f"{alt}.",
        lambda: draw_slice(one, winner, data.objective),
    )
