"""The report as a document: sections made of blocks, independent of the output format."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from reports.analysis.answer import Fact
from reports.analysis.comparisons.verdict import Verdict
from reports.data.pictures import Photograph
from reports.page.picture import Picture
from reports.text.table import Table


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True)
class Heading:
    """A heading within a section."""

    text: str
    anchor: str
    kind: str = "heading"


@dataclass(frozen=True)
class Code:
    """Preformatted text, such as a file or commands."""

    text: str
    label: str
    kind: str = "code"


@dataclass(frozen=True)
class Gallery:
    """Pictures, side by side where there is room."""

    pictures: tuple[Picture, ...]
    kind: str = "gallery"


@dataclass(frozen=True)
class Photographs:
    """Pictures from the run's files, small ones side by side."""

    photographs: tuple[Photograph, ...]
    kind: str = "photographs"


@dataclass(frozen=True)
class TableBlock:
    """A table; one that `is_long` scrolls within a fixed height."""

    table: Table
    kind: str = "table"

    @property
    def is_long(self) -> bool:
        """Whether it would push everything else out of sight."""
        return len(self.table.rows) > 25

    @property
    def is_wide(self) -> bool:
        """Whether it needs small print to fit on paper."""
        return len(self.table.shown().columns) > 9


@dataclass(frozen=True)
class Beside:
    """A picture or a table with a table next to it, where there is room."""

    left: Picture | TableBlock
    right: TableBlock
    kind: str = "beside"


Block = Text | Heading | Code | Gallery | Photographs | TableBlock | Beside


@dataclass(frozen=True)
class Section:
    """A section with its anchor on the page."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Document:
    """The whole report.

    Attributes:
        title: Of the page.
        status: Whether the search is over, and as of when.
        verdict: The answer in a sentence, and what it rests on.
        warnings: What contradicts the answer; shown right under it.
        results, costs: Figures of the first screen.
        settings: The winner's searched hyperparameters.
        winner: The winner in a few words, or None.
        notes: What a reader must know before believing the answer.
        picture: The one picture of the first screen, if there is anything to draw.
        sections: The rest.
    """

    title: str
    status: str
    verdict: Verdict
    warnings: tuple[str, ...]
    results: tuple[Fact, ...]
    costs: tuple[Fact, ...]
    settings: tuple[tuple[str, str], ...]
    winner: str | None
    notes: tuple[str, ...]
    picture: Picture | None
    sections: tuple[Section, ...]

    def pictures(self) -> Iterator[Picture]:
        """All pictures in the order of the page."""
        if self.picture is not None:
            yield self.picture
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Gallery):
                    yield from block.pictures
                elif isinstance(block, Beside) and isinstance(block.left, Picture):
                    yield block.left

    def photographs(self) -> Iterator[Photograph]:
        """All pictures from the run's files in the order of the page."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, Photographs):
                    yield from block.photographs

    def tables(self) -> Iterator[Table]:
        """All tables in the order of the page."""
        for section in self.sections:
            for block in section.blocks:
                if isinstance(block, TableBlock):
                    yield block.table
                elif isinstance(block, Beside):
                    both = (block.left, block.right)
                    yield from (side.table for side in both if isinstance(side, TableBlock))
