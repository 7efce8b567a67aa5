"""The section about the method: everything needed to repeat the search."""

from __future__ import annotations

import shlex

from reports.analysis.method import approximations, hardware
from reports.analysis.trial_tables import attempts_table, failures_table
from reports.data.run_data import RunData
from reports.page.document import Block, Code, Heading, Section, TableBlock, Text
from reports.text.table import Cell, Column, Table, row


def section(data: RunData) -> Section:
    """Commands, seeds, approximations, failures, hardware, versions, settings."""
    blocks: list[Block] = [
        Heading("Commands", "commands"),
        Text("Save the settings below as study.yaml and run:"),
        Code(commands(data.name), "Commands"),
        Heading("Seeds", "seeds"),
        Text(
            f"Study {data.study.seed}, split of the data {data.study.dataset.seed}; the seed of "
            "each trial is in the table of trials."
        ),
        Heading("What was approximate", "approximate"),
        *(Text(text) for text in approximations(data)),
        Heading("What failed, and why", "failed"),
        TableBlock(failures_table(data)),
        TableBlock(attempts_table(data)),
        *(Text(f"Note from the search: {data.without_folders(text)}") for text in data.remarks),
        Heading("Hardware", "hardware"),
        Text(hardware(data)),
        Heading("Versions", "versions"),
        TableBlock(versions_table(data)),
        Heading("Settings", "settings"),
        Text(
            "The study as it was run, with every default spelled out and absolute paths shortened "
            f"to their last part. {_hash(data)}"
        ),
        Code(data.study_text, "study.yaml"),
    ]
    return Section("method", "Method", tuple(blocks))


def commands(run_name: str) -> str:
    """The commands that repeat the run."""
    name = shlex.quote(run_name)
    return "\n".join(
        [
            f"thawtune search study.yaml --run {name}",
            f"thawtune finetune {name}",
            f"thawtune evaluate {name}",
            f"thawtune report {name}",
        ]
    )


def versions_table(data: RunData) -> Table:
    """Package versions that the search used."""
    versions = (data.history.opened or {}).get("versions") or {}
    columns = (Column("name", "package", is_number=False), Column("version", "version", False))
    rows = [row([Cell.of(name), Cell.of(str(value))]) for name, value in versions.items()]
    caption = "Versions when the run was opened."
    return Table("versions", caption, columns, tuple(rows), empty="No versions are on record.")


def _hash(data: RunData) -> str:
    value = (data.history.opened or {}).get("hash")
    return f"SHA-256 of the study: {value}." if value else ""
