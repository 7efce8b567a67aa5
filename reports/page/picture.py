"""Pictures: a figure of the report with its caption, and its files."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from reports.figures.style import style


@dataclass(frozen=True)
class Picture:
    """A figure that will be drawn when the report is written.

    Attributes:
        stem: Of its files.
        title: A few words.
        caption: What to see in it, and how to read it.
        alt: What it says, for those who do not see it.
        draw: Draws it, within the style.
        is_tall: Whether two others fit beside it, one above the other.
    """

    stem: str
    title: str
    caption: str
    alt: str
    draw: Callable[[], Figure]
    is_tall: bool = False
    kind: str = "picture"


def save(picture: Picture, folder: Path) -> str:
    """Draw a picture, write its PNG and its SVG, and return the SVG to embed in a page."""
    with style():
        figure = picture.draw()
        figure.savefig(folder / f"{picture.stem}.png", metadata={"Software": None})
        figure.set_layout_engine("none")  # the layout is computed once, for both files
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    svg = text.getvalue()
    (folder / f"{picture.stem}.svg").write_text(svg, encoding="utf-8")
    return inline_svg(svg, picture.stem)


def inline_svg(svg: str, prefix: str) -> str:
    """The content of an SVG file, ready to embed in a page with others.

    Its identifiers get a prefix, so that no two figures share one; declarations, metadata and
    namespaces, which a page does not need, are left out.
    """
    body = svg[svg.index("<svg") :]
    body = re.sub(r"<metadata>.*?</metadata>\s*", "", body, flags=re.DOTALL)
    body = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", body)
    body = re.sub(r'\bid="([^"]+)"', rf'id="{prefix}-\1"', body)
    body = re.sub(r"url\(#([^)]+)\)", rf"url(#{prefix}-\1)", body)
    body = re.sub(r'xlink:href="#([^"]+)"', rf'href="#{prefix}-\1"', body)
    body = body.replace("xlink:href=", "href=")
    box = re.search(r'viewBox="([^"]+)"', body)
    inside = body[body.index(">") + 1 : body.rindex("</svg>")]
    return f'<svg viewBox="{box.group(1) if box else ""}" aria-hidden="true">{inside}</svg>'
