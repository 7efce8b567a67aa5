"""Device-seconds of everything: the search, the finalists, the fine-tuning."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports import formats
from reports.run_data import RunData
from reports.table import Cell, Column, Row, Table, row


@dataclass(frozen=True)
class Stage:
    """A part of the way from the study to the final model.

    Attributes:
        name: What it is called.
        seconds: Device-seconds: wall time of each worker, added up.
        what: How many trials or workers that were.
    """

    name: str
    seconds: float
    what: str


def stages(data: RunData) -> list[Stage]:
    """Those that have taken any time."""
    stored = data.history.features
    found = [
        Stage(
            "features",
            math.fsum(e["seconds"] * e["cores"] for e in stored) / data.study.resources.cpu,
            formats.plural(sum(e["images"] for e in stored), "image"),
        ),
        Stage(
            "search",
            math.fsum(trial.total_seconds for trial in data.trials),
            formats.plural(len(data.trials), "trial"),
        ),
        Stage(
            "finalists",
            math.fsum(trial.total_seconds for trial in data.repeats),
            formats.plural(len(data.repeats), "repeat"),
        ),
    ]
    if data.finetuning is not None:
        tuned = data.finetuning
        workers = formats.plural(tuned.workers, "worker")
        found.append(Stage("fine-tuning", tuned.seconds * tuned.workers, workers))
    return [stage for stage in found if stage.seconds > 0]


def total_cost(data: RunData) -> float:
    """Device-seconds of all stages."""
    return math.fsum(stage.seconds for stage in stages(data))


def stages_table(data: RunData) -> Table:
    """The stages with their shares."""
    columns = (
        Column("stage", "stage", is_number=False),
        Column("what", "of", is_number=False),
        Column("seconds", "device-seconds"),
        Column("share", "share"),
    )
    total = total_cost(data)
    found = stages(data)
    rows = [_row(s.name, s.what, s.seconds, s.seconds / total) for s in found]
    if len(found) > 1:
        rows.append(_row("in all", None, total, 1.0, "total"))
    caption = "Device-seconds of everything; opening the test set is not counted."
    return Table("stages", caption, columns, tuple(rows), empty="Nothing has taken any time yet.")


def _row(name: str, what: str | None, seconds: float, share: float, mark: str | None = None) -> Row:
    return row(
        [
            Cell.of(name),
            Cell.of(what),
            Cell.of(seconds, formats.seconds(seconds)),
            Cell.of(share, formats.percent(share)),
        ],
        mark,
    )
