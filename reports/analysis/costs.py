"""Costs: the seconds of the trials by kind and state, and of the stages of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass

from reports.data.run_data import RunData
from reports.text import formats
from reports.text.table import Cell, Column, Row, Table, row
from search.records.events import COMPLETE, FAIL, PRUNED, RUNNING
from search.records.tables import TRIALS

_PREFIX = "seconds_"
KINDS = tuple(n.removeprefix(_PREFIX) for n in TRIALS.names if n.startswith(_PREFIX))
"""What the seconds of a trial are spent on."""

STATES = (COMPLETE, PRUNED, FAIL, RUNNING)


@dataclass(frozen=True)
class Cost:
    """Seconds of all trials.

    Attributes:
        seconds: By state, then by kind.
        epochs, trials: By state.
    """

    seconds: dict[str, dict[str, float]]
    epochs: dict[str, int]
    trials: dict[str, int]

    @property
    def states(self) -> list[str]:
        """States in which there are trials."""
        return [state for state in STATES if self.trials[state]]

    @property
    def total(self) -> float:
        """All seconds."""
        return math.fsum(self.of_state(state) for state in self.seconds)

    def of_state(self, state: str) -> float:
        """Seconds of the trials in a state."""
        return math.fsum(self.seconds[state].values())

    def of_kind(self, kind: str) -> float:
        """Seconds of one kind."""
        return math.fsum(by_kind[kind] for by_kind in self.seconds.values())

    def share(self, state: str) -> float | None:
        """Share of all seconds that trials in a state used; None if there are none yet."""
        return self.of_state(state) / self.total if self.total else None


def cost(data: RunData) -> Cost:
    """Add up the seconds of all trials of the search."""
    trials = {state: [t for t in data.trials if t.state == state] for state in STATES}
    return Cost(
        {s: {kind: sum(t.seconds(kind) for t in trials[s]) for kind in KINDS} for s in STATES},
        {state: sum(trial.epochs for trial in trials[state]) for state in STATES},
        {state: len(trials[state]) for state in STATES},
    )


def cost_table(spent: Cost) -> Table:
    """Seconds by kind, in total and by the state of the trial."""
    columns = (
        Column("kind", "seconds for", is_number=False),
        Column("all", "all trials"),
        Column("share", "share"),
        *(Column(state.lower(), state) for state in spent.states),
    )
    rows = [
        row(
            [
                Cell.of(kind),
                _seconds(spent.of_kind(kind)),
                _share(spent.of_kind(kind) / spent.total if spent.total else None),
                *(_seconds(spent.seconds[state][kind]) for state in spent.states),
            ]
        )
        for kind in KINDS
    ]
    rows.append(
        row(
            [
                Cell.of("total"),
                _seconds(spent.total),
                _share(1.0 if spent.total else None),
                *(_seconds(spent.of_state(state)) for state in spent.states),
            ],
            "total",
        )
    )
    caption = (
        "Seconds of the trials by what they were spent on, in total and by the state of the trial."
    )
    return Table("cost", caption, columns, tuple(rows))


def cost_sentence(spent: Cost) -> str:
    """The share that went into trials that did not run to their end."""
    if not spent.total:
        return "No trial has reported any seconds yet."
    pruned, failed = spent.share(PRUNED), spent.share(FAIL)
    return (
        f"Of {formats.duration(spent.total)} of trial time, {formats.percent(pruned)} went into "
        f"trials that the scheduler stopped ({formats.plural(spent.epochs[PRUNED], 'epoch')}), and "
        f"{formats.percent(failed)} into trials that failed "
        f"({formats.plural(spent.epochs[FAIL], 'epoch')})."
    )


def _seconds(value: float) -> Cell:
    return Cell.of(value, formats.seconds(value))


def _share(value: float | None) -> Cell:
    return Cell.of(value, formats.percent(value))


@dataclass(frozen=True)
class Stage:
    """A stage between the study and the final model.

    Attributes:
        name: Of the stage.
        seconds: Device-seconds: the wall time of its workers, added up.
        what: The number of trials or workers, with the noun.
    """

    name: str
    seconds: float
    what: str


def stages(data: RunData) -> list[Stage]:
    """The stages that took any time."""
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
        rows.append(_row("total", None, total, 1.0, "total"))
    caption = "Device-seconds of all stages, without the evaluation on the test set."
    return Table("stages", caption, columns, tuple(rows), empty="No stage has taken any time yet.")


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
