"""The part about hyperparameters: their importance, and how the metric depends on each."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from reports.analysis.hyperparameters.depth_grid import DepthGrid, depth_grids
from reports.analysis.hyperparameters.parallel import Parallel, parallel
from reports.analysis.hyperparameters.slices import Slice, losses_by_learning_rate, slices
from reports.data.importance import Importance, importance_sentence, importance_table
from reports.data.run_data import RunData
from reports.figures.depth_grid import draw_depth_grid
from reports.figures.importance import draw_importance
from reports.figures.parallel import draw_parallel
from reports.figures.slices import draw_slice
from reports.page.document import Beside, Block, Gallery, Heading, TableBlock, Text
from reports.page.picture import Picture
from reports.text import formats
from spaces.studies.study import Objective

_LOSS = Objective(metric="val_loss", mode="min")


def blocks(data: RunData) -> list[Block]:
    """Importance, parallel coordinates, learning rate and depth, slices."""
    found: list[Block] = [Heading("What mattered", "importance"), *_importance(data)]
    lines = parallel(data)
    pictures = [_parallel_picture(data, lines)] if lines is not None else []
    pictures += [_grid_picture(data, grid) for grid in depth_grids(data)]
    pictures += [_slice_picture(data, one, _LOSS) for one in losses_by_learning_rate(data)]
    if pictures:
        found += [Heading("Learning rate, depth and all together", "together")]
        found.append(Gallery(tuple(pictures)))
    found.append(Heading("By hyperparameter", "slices"))
    by_one = tuple(_slice_picture(data, one, data.objective) for one in slices(data))
    if not by_one:
        return [*found, Text("No trial has a result, so there is nothing to compare.")]
    return [*found, Text(_how_to_read(data)), Gallery(by_one)]


def _importance(data: RunData) -> list[Block]:
    found = data.importance
    if found is None or not found.weights:
        text = "The importance of the hyperparameters is not on file: "
        text += (
            "it is computed when the search ends, and this one has not ended yet."
            if data.is_under_way
            else "it is computed when a search ends with enough trials at the first rung."
        )
        return [Text(text)]
    text = importance_sentence(found)
    return [Text(text), Beside(_importance_picture(found), TableBlock(importance_table(found)))]


def _importance_picture(found: Importance) -> Picture:
    listed = ", ".join(f"{w.name} {w.mean:.2f} ({w.low:.2f}–{w.high:.2f})" for w in found.weights)
    return Picture(
        "importance",
        "Relative importance",
        f"Relative importance at epoch {found.epoch}; the whiskers are the ranges of the table.",
        f"Bars of relative importance: {listed}.",
        partial(draw_importance, found),
    )


def _parallel_picture(data: RunData, lines: Parallel) -> Picture:
    winner = data.winner.number if data.winner else None
    name = formats.metric_name(data.objective)
    return Picture(
        "parallel",
        "Parallel coordinates",
        f"Every trial is a line from top to bottom through its hyperparameters to its best {name}. "
        "Dark lines are good trials, by rank; ★ is the winner. Trials without a hyperparameter "
        "pass to the right of its axis.",
        f"Parallel coordinates of {formats.plural(len(lines.trials), 'trial')} over "
        f"{', '.join(axis.name for axis in lines.axes)}.",
        partial(draw_parallel, lines, winner, name),
        is_tall=True,
    )


def _grid_picture(data: RunData, grid: DepthGrid) -> Picture:
    rate = grid.rate.replace("_", " ")
    name = formats.metric_name(data.objective)
    return Picture(
        f"grid_{grid.rate}",
        f"{formats.sentence(rate)} by unfrozen depth",
        f"Best {name} in each cell, and the number of trials: the best of many is better by chance "
        "alone. Cells without a trial have a dash.",
        f"Grid of the best {name} by {rate} and unfrozen depth, {int(grid.trials.sum())} trials in "
        f"{int((grid.trials > 0).sum())} of {grid.trials.size} cells.",
        partial(draw_depth_grid, grid, data.objective),
    )


def _how_to_read(data: RunData) -> str:
    return (
        f"The best {formats.metric_name(data.objective)} of each trial by one searched "
        "hyperparameter at a time; all others differ too. Pruned trials had fewer epochs. Failed "
        "trials are crosses on the bad edge, whatever they reported before. Points of a choice are "
        "spread sideways only to keep them apart."
    )


def _slice_picture(data: RunData, one: Slice, objective: Objective) -> Picture:
    winner = data.winner.number if data.winner else None
    name, title = formats.metric_name(objective), formats.sentence(one.name.replace("_", " "))
    values = [(y, trial) for y, trial in zip(one.y, one.trials, strict=True) if y is not None]
    alt = f"Points of the best {name} by {title.lower()}, {formats.plural(len(values), 'trial')}"
    if values:
        pick: Callable[..., tuple[float, int]] = max if objective.mode == "max" else min
        value, trial = pick(values)
        point = getattr(data.history.trials[trial].point, one.name)
        alt += f"; the best, {formats.metric(value, objective)}, is at "
        alt += formats.hyperparameter(point)
    caption = f"{formats.plural(len(one.trials), 'trial')} with this hyperparameter."
    if one.is_log:
        caption += " Logarithmic axis."
    is_loss = objective is _LOSS
    return Picture(
        f"loss_{one.name}" if is_loss else f"slice_{one.name}",
        f"Loss by {title.lower()}" if is_loss else title,
        caption,
        f"{alt}.",
        partial(draw_slice, one, winner, objective),
    )
