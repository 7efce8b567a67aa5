"""The part about finalists: the best trials, trained again with other seeds."""

from __future__ import annotations

from functools import partial

from reports.data.finalists import Finalists, bias_sentence, finalists_table
from reports.data.run_data import RunData
from reports.figures.finalists import draw_finalists
from reports.page.document import Beside, Block, TableBlock, Text
from reports.page.picture import Picture
from reports.text import formats
from search.records.choice import is_unfinished
from search.records.events import PRUNED

_UNFINISHED = (
    "The finalists have not all been trained, so none of them is chosen yet, and the best trial of "
    "the search stands in as the winner. thawtune resume finishes them."
)


def blocks(data: RunData) -> list[Block]:
    """Points, means and the selection bias."""
    found = data.finalists
    if found is None or not found.finalists:
        return [Text(_why_none(data))]
    is_open = data.finetuning is None and is_unfinished(data.study, data.history)
    unfinished = [Text(_UNFINISHED)] if is_open else []
    return [
        *unfinished,
        Text(_what_was_done(found)),
        Text(f"{bias_sentence(found, data.objective)}{_fewer_epochs(data, found)}"),
        Beside(_picture(data, found), TableBlock(finalists_table(found, data.objective))),
    ]


def _why_none(data: RunData) -> str:
    wanted = data.study.finalists
    if not wanted.count:
        return (
            "The study asks for no finalists: the winner is the search's best, from one training "
            "with one seed. How much of that was luck is unknown."
        )
    if data.winner is None and not data.is_under_way:
        return "No trial has a result, so there is nothing to train again."
    return (
        f"When the search has ended, the best {formats.plural(wanted.count, 'trial')} and the "
        f"recipes are trained again with {formats.plural(wanted.seeds, 'other seed')}; that has "
        "not happened yet."
    )


def _what_was_done(found: Finalists) -> str:
    return (
        f"The best trials on validation, and every recipe that reached its end, were trained again "
        f"with {formats.plural(found.seeds, 'other seed')} each, in "
        f"{formats.duration(found.seconds)} of trial time. The winner has the best mean, not the "
        "best single result."
    )


def _fewer_epochs(data: RunData, found: Finalists) -> str:
    """Says if the search stopped the winner early: then the difference is not the seed's alone."""
    winner = data.history.trials[found.winner.trial] if found.winner else None
    if winner is None or winner.state != PRUNED:
        return ""
    return (
        f" In the search it was stopped after {winner.epochs} of {winner.point.epochs} epochs, "
        "while the new trainings had their full length: the difference includes that."
    )


def _picture(data: RunData, found: Finalists) -> Picture:
    listed = ", ".join(
        f"{one.name} {formats.metric(one.mean, data.objective)}" for one in found.finalists
    )
    return Picture(
        "finalists",
        "Finalists",
        "Each point is a seed, the line their mean, the diamond the value in the search. Of the "
        "chosen ones, diamonds tend to lie on the good side of the line: the search chose them for "
        "it.",
        f"Points of the {formats.metric_name(data.objective)} by finalist and seed. Means: "
        f"{listed}.",
        partial(draw_finalists, found, data.objective),
    )
