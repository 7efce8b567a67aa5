"""The report as one self-contained HTML file."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.data.pictures import data_address
from reports.page.document import Document

TEMPLATES = Path(__file__).parent / "templates"


def render_page(
    document: Document,
    drawings: Mapping[str, str],
    photographs: Mapping[str, bytes] | None = None,
    refresh: int | None = None,
) -> str:
    """Render the report as a page.

    Args:
        document: The content of the report.
        drawings: The SVG of each picture by its stem, as `figures.picture.save` returns it.
        photographs: The JPEG of each photograph by its stem.
        refresh: Seconds after which the page reloads itself; None means never.
    """
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = (TEMPLATES / "sort.js").read_text(encoding="utf-8")
    return environment.get_template("index.html.j2").render(
        document=document,
        # From matplotlib, which escapes all text.
        drawings={stem: Markup(svg) for stem, svg in drawings.items()},  # noqa: S704
        style=Markup((TEMPLATES / "style.css").read_text(encoding="utf-8")),  # noqa: S704
        photographs={s: data_address(jpeg) for s, jpeg in (photographs or {}).items()},
        refresh=refresh,
        script=Markup(script),  # noqa: S704
        script_hash=_content_hash(script),
    )


def _content_hash(script: str) -> str:
    """The hash by which the content security policy allows the script."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
