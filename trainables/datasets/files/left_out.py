"""Sentences about images that are left out, so that none goes missing unnoticed."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.datasets.files.content_types import is_camera_raw, is_named_like_an_image
from trainables.datasets.files.scanning import CAMERA_RAW, LINK_OUT, LINK_TO_FOLDER, Finding

_LINKS = "set follow_links: true in the study's dataset section to follow them"
_REMEDIES = {
    CAMERA_RAW: "convert them to JPEG or TIFF to use them",
    LINK_OUT: _LINKS,
    LINK_TO_FOLDER: _LINKS,
}
_UNASKED = ("is hidden or left behind by a system", "is dropped by the study")
_NAMED = 3


def left_out_images(ignored: Sequence[Finding]) -> list[str]:
    """A sentence for each reason why images or folders are left out, without its full stop."""
    by_reason: dict[str, list[str]] = {}
    for name, reason in ignored:
        could_be = is_named_like_an_image(name) or is_camera_raw(name) or name.endswith("/")
        if reason not in _UNASKED and (could_be or reason in _REMEDIES):
            by_reason.setdefault(reason, []).append(name)
    return [_sentence(reason, names) for reason, names in by_reason.items()]


def _sentence(reason: str, names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")
    count = "1 is left out because it" if len(names) == 1 else ""
    count = count or f"{len(names):,} are left out because each"
    remedy = f"; {_REMEDIES[reason]}" if reason in _REMEDIES else ""
    return f"{count} {reason} ({shown}){remedy}"
