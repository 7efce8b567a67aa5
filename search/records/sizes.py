"""Sizes as people read them."""

from __future__ import annotations


def size_in_words(size: float) -> str:
    """A number of bytes, such as 83.5 MB."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"
