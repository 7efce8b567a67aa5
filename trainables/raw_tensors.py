"""Numbers as they lie in a weights file: element kinds, decoding, and what a bad file raises.

The kinds have the names that safetensors gives them (https://github.com/huggingface/safetensors);
PyTorch's storages hold the same numbers under other names.
"""

from __future__ import annotations

import sys

import numpy as np


class FormatError(Exception):
    """A file is not what it claims to be.

    The message is the middle of a sentence about the file, which `read_state_dict` completes.
    """


_NUMPY_CODES = {
    "F64": "f8",
    "F32": "f4",
    "F16": "f2",
    "BF16": "u2",  # NumPy has no bfloat16: taken as bits, widened in `decode`
    "I64": "i8",
    "I32": "i4",
    "I16": "i2",
    "I8": "i1",
    "U64": "u8",
    "U32": "u4",
    "U16": "u2",
    "U8": "u1",
    "BOOL": "u1",
}
KINDS = frozenset(_NUMPY_CODES)


def width(kind: str) -> int:
    """Bytes that one element of `kind` takes in a file."""
    return int(_NUMPY_CODES[kind][1])


def decode(raw: bytes | memoryview, kind: str, *, big_endian: bool = False) -> np.ndarray:
    """Turns raw bytes into numbers.

    Args:
        raw: A whole number of elements.
        kind: One of `KINDS`.
        big_endian: Whether the most significant byte comes first.

    Returns:
        A read-only array of one dimension in this machine's byte order. BF16 becomes float32,
        without loss: a bfloat16 is the upper half of a float32.
    """
    numbers = np.frombuffer(raw, _NUMPY_CODES[kind])
    if big_endian != (sys.byteorder == "big"):
        numbers = numbers.byteswap()
    if kind == "BF16":
        numbers = (numbers.astype(np.uint32) << 16).view(np.float32)
    elif kind == "BOOL":
        numbers = numbers != 0
    numbers.flags.writeable = False
    return numbers
