"""The part about finalists: the best trials again, with other seeds."""

from __future__ import annotations

from functools import partial

from reports.data.finalists import Finalists, bias_sentence, finalists_table
from reports.data.run_data import RunData
from reports.figures.finalists import draw_finalists
from reports.page.document import Beside, Block, TableBlock, Text
from reports.page.picture import Picture
from reports.text import formats


def blocks(data: RunData) -> list[Block]:
    """Points, means and the selection bias."""
    found = data.finalists
    if found is None or not found.finalists:
        return [Text(_why_none(data))]
    return [
        Text(_what_was_done(found)),
        Text(bias_sentence(found, data.objective)),
        Beside(_picture(data, found), TableBlock(finalists_table(found, data.objective))),
    ]


def _why_none(data: RunData) -> str:
    wanted = data.study.finalists
    if not wanted.count:
        return (
            "The study asks for no finalists: the winner is the search's best as it was found, "
            "once, with one seed. How much of that was luck is not known."
        )
    if data.winner is None and not data.is_under_way:
        return "No trial has a result, so there is nothing to train again."
    return (
        f"The best {formats.plural(wanted.count, 'trial')} and the recipes are to be trained again "
        f"with {formats.plural(wanted.seeds, 'other seed')} when the search has ended; that has "
        "not been done yet."
    )


def _what_was_done(found: Finalists) -> str:
    return (
        f"The best trials by validation, and every recipe that reached its end, were trained again "
        f"with {formats.plural(found.seeds, 'other seed')} each, in "
        f"{formats.duration(found.seconds)} of trial time. The winner is the one with the best "
        "mean, not the one with the best single result."
    )


def _picture(data: RunData, found: Finalists) -> Picture:
    listed = ", ".join(
        f"{one.name} {formats.metric(one.mean, data.objective)}" for one in found.finalists
    )
    return Picture(
        "finalists",
        "Finalists",
        "Every seed is a point, the line their mean, the diamond what the search had seen. A "
        "diamond on the good side of its line is selection bias.",
        f"Points of the {formats.metric_name(data.objective)} by finalist and seed. Means: "
        f"{listed}.",
        partial(draw_finalists, found, data.objective),
    )
