"""The section about costs."""

from __future__ import annotations

from functools import partial

from matplotlib.figure import Figure
from rich.filesize import decimal

from reports.analysis.costs import STATES, Cost, cost, cost_sentence, cost_table, stages_table
from reports.analysis.curves import incumbents_by_cost, recipe_costs
from reports.data.run_data import RunData
from reports.figures.costs import draw_cost
from reports.figures.progress import draw_incumbent
from reports.page.document import Beside, Block, Heading, Section, TableBlock, Text
from reports.page.picture import Picture
from reports.text import formats


def section(data: RunData) -> Section:
    """Seconds by kind and state, and the share that went into stopped trials."""
    spent = cost(data)
    if not spent.total:
        return Section("cost", "Cost", (Text(cost_sentence(spent)),))
    blocks: list[Block] = [Text(f"{cost_sentence(spent)} {_by_the_clock(data, spent)}")]
    texts = (_features(data), _rows(data), _checkpoints(data))
    blocks += [Text(text) for text in texts if text]
    blocks.append(Beside(_picture(spent), TableBlock(cost_table(spent))))
    everything = TableBlock(stages_table(data))
    picture = _result_by_cost(data, spent)
    blocks.append(Heading("Result by cost", "result-by-cost"))
    blocks.append(everything if picture is None else Beside(picture, everything))
    return Section("cost", "Cost", tuple(blocks))


def _features(data: RunData) -> str:
    stored = data.history.features
    if not stored:
        return ""
    images, seconds, size = (sum(e[key] for e in stored) for key in ("images", "seconds", "bytes"))
    return (
        f"Before the trials, {formats.plural(images, 'image')} passed the frozen layers once for "
        f"all of them: {formats.duration(seconds)} of wall time, {decimal(size)} stored."
    )


def _rows(data: RunData) -> str:
    hits, misses = data.history.hits, data.history.misses
    if not hits and not misses:
        return ""
    return (
        f"Of the features that the run needed, {hits:,} rows (an image's activations at a "
        f"boundary) were in the cache, and {misses:,} were computed."
    )


def _checkpoints(data: RunData) -> str:
    sizes = [size for t in data.history.trials.values() for size in t.checkpoints.values()]
    if not sizes:
        return ""
    return (
        f"{formats.sentence(formats.plural(len(sizes), 'checkpoint'))} "
        f"{'was' if len(sizes) == 1 else 'were'} written, "
        f"at most {decimal(max(sizes))} each and {decimal(sum(sizes))} in total; those "
        "of pruned trials are deleted."
    )


def _by_the_clock(data: RunData, spent: Cost) -> str:
    total = data.working_time.total
    text = f"The search took {formats.duration(total)} of wall time"
    if total > 0:
        text += f", so {spent.total / total:.1f} trials ran at a time on average"
    if data.history.drivers > 1:
        text += f"; it was started {data.history.drivers} times"
    return f"{text}."


def _result_by_cost(data: RunData, spent: Cost) -> Picture | None:
    steps = incumbents_by_cost(data.history, data.objective)
    if not steps:
        return None
    marks = recipe_costs(data)
    name = formats.metric_name(data.objective)
    first, last = steps[0], steps[-1]
    values = [formats.metric(step.value, data.objective) for step in (first, last)]
    recipes = ", ".join(
        f"{m.recipe} {formats.metric(m.value, data.objective)} for {formats.duration(m.seconds)}"
        for m in marks
    )
    alt = (
        f"Step line of the best {name} by device-seconds: from {values[0]} to {values[1]} after "
        f"{formats.duration(last.seconds)}. Recipes alone: {recipes or 'none has a result'}."
    )
    caption = (
        f"Best {name} by the device-seconds of all trials until then, including pruned and failed "
        "ones. Each recipe is where it would be if it had been trained alone."
    )

    def draw() -> Figure:
        return draw_incumbent(steps, marks, spent.total, data.objective, "device time")

    return Picture("incumbent_by_cost", "Result by cost", caption, alt, draw)


def _picture(spent: Cost) -> Picture:
    states = ", ".join(
        f"{state.lower()} {formats.duration(spent.of_state(state))}"
        for state in STATES
        if spent.of_state(state)
    )
    caption = "Seconds of the trials by their state, divided by what they were spent on."
    alt = f"Bars of the trials' seconds by state: {states}."
    return Picture("cost", "Where the time went", caption, alt, partial(draw_cost, spent))
