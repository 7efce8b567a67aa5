"""PNG files without what is written beside their pixels.

Programs store prompts, workflows and profiles of megabytes in text chunks. Pillow refuses a file
whose text is long or damaged, although its pixels are sound.

Source: PNG Specification (Third Edition), W3C, sections 5.3 and 11.3.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_IN_WORDS = (b"tEXt", b"zTXt", b"iTXt", b"iCCP")


def without_text(file: BinaryIO) -> BinaryIO | None:
    """The PNG that a file is, without text and colour profile; None if it has none."""
    try:
        file.seek(0)
        raw = file.read() if file.read(len(_SIGNATURE)) == _SIGNATURE else b""
    except OSError:
        return None
    kept, at, left_out = [_SIGNATURE], 0, False
    while at + 12 <= len(raw):
        length, kind = struct.unpack(">I4s", raw[at : at + 8])
        end = at + 12 + length
        if kind in _IN_WORDS:
            left_out = True
        else:
            kept.append(raw[at:end])
        at = end
    return io.BytesIO(b"".join([*kept, raw[at:]])) if left_out else None
