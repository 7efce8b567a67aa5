"""The report as Markdown, with links to its figures and tables."""

from __future__ import annotations

import re

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from reports.page.document import Document
from reports.page.html import TEMPLATES

MOST_ROWS = 25
"""Rows of a table; the rest is in its CSV file."""


def render_markdown(document: Document) -> str:
    """The text; links are relative to the report's folder."""
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=False,  # noqa: S701 - Markdown; every text goes through `plain`
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"plain": plain, "fence": fence}
    template = environment.get_template("report.md.j2")
    return template.render(document=document, most=MOST_ROWS)


def plain(text: object) -> str:
    """A text on one line, with everything escaped that Markdown or HTML would interpret."""
    line = " ".join(str(text).split())
    line = line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*\[\]|#~$]|(?<!\w)_|_(?!\w))", r"\\\1", line)


def fence(text: str) -> str:
    """A code block with a fence that its text cannot close."""
    longest = max((len(ticks) for ticks in re.findall(r"`+", text)), default=0)
    ticks = "`" * max(3, longest + 1)
    return f"{ticks}\n{text.rstrip()}\n{ticks}"
