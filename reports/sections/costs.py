"""The section about what the search cost."""

from __future__ import annotations

from functools import partial

from reports import formats
from reports.cost import STATES, Cost, cost, cost_sentence, cost_table
from reports.document import Beside, Block, Section, TableBlock, Text
from reports.figures.costs import draw_cost
from reports.figures.picture import Picture
from reports.run_data import RunData


def section(data: RunData) -> Section:
    """Seconds by kind and state, and the share that went into stopped trials."""
    spent = cost(data)
    if not spent.total:
        return Section("cost", "Cost", (Text(cost_sentence(spent)),))
    blocks: list[Block] = [Text(f"{cost_sentence(spent)} {_by_the_clock(data, spent)}")]
    blocks.append(Beside(_picture(spent), TableBlock(cost_table(spent))))
    return Section("cost", "Cost", tuple(blocks))


def _by_the_clock(data: RunData, spent: Cost) -> str:
    total = data.working_time.total
    text = f"The search took {formats.duration(total)} by the clock"
    if total > 0:
        text += f", so that {spent.total / total:.1f} trials ran at once on the average"
    if data.history.drivers > 1:
        text += f"; it was started {data.history.drivers} times"
    return f"{text}."


def _picture(spent: Cost) -> Picture:
    states = ", ".join(
        f"{state.lower()} {formats.duration(spent.of_state(state))}"
        for state in STATES
        if spent.of_state(state)
    )
    caption = "Seconds of the trials by their state, divided by what they were spent on."
    alt = f"Bars of the trials' seconds by state: {states}."
    return Picture("cost", "Where the time went", caption, alt, partial(draw_cost, spent))
