"""Reads .safetensors files.

The format is small enough to read here: eight bytes of header size, a JSON header with a dtype, a
shape and two offsets for each tensor, and the raw numbers.

Source: https://huggingface.co/docs/safetensors (format), whose rules are all checked: no holes, no
overlaps, no repeated names, a header of at most 100 MB.
"""

from __future__ import annotations

import json
import math
from typing import Any, BinaryIO

import numpy as np

from trainables.weights.torch_pickle import KINDS, FormatError, decode, width

_LONGEST_HEADER = 100_000_000
_MOST_DIMENSIONS = 32


def read(file: BinaryIO) -> dict[str, np.ndarray]:
    """Reads every tensor of a .safetensors file.

    Args:
        file: At its first byte.

    Returns:
        Read-only arrays by name; bfloat16 becomes float32.

    Raises:
        FormatError: The file breaks a rule of the format or has a dtype that is not known here.
    """
    raw = memoryview(file.read())
    if len(raw) < 8:
        raise FormatError(f"it has {len(raw)} bytes, too few for a safetensors header")
    length = int.from_bytes(raw[:8], "little")
    if length > min(_LONGEST_HEADER, len(raw) - 8):
        raise FormatError(f"its header claims {length} bytes and the file has {len(raw)}")
    header = _header(bytes(raw[8 : 8 + length]))
    body = raw[8 + length :]
    tensors = {}
    position = 0
    # In the order of their bytes, each has to start where the one before it ended.
    for name, entry in sorted(header.items(), key=lambda item: _offsets(*item)):
        kind, shape = _kind_and_shape(name, entry)
        begin, end = _offsets(name, entry)
        if begin != position or end > len(body):
            raise FormatError(
                f"tensor {name!r} lies at bytes {begin} to {end}, "
                f"expected to start at {position} and to end by {len(body)}"
            )
        if end - begin != math.prod(shape) * width(kind):
            raise FormatError(f"tensor {name!r} has {end - begin} bytes for {kind} of {shape}")
        tensors[name] = decode(body[begin:end], kind).reshape(shape)
        position = end
    if position != len(body):
        raise FormatError(f"{len(body) - position} of its bytes belong to no tensor")
    return tensors


def _header(text: bytes) -> dict[str, Any]:
    """Parses the header and takes out the free-form `__metadata__`."""
    try:
        header = json.loads(text.decode(), object_pairs_hook=_without_repeats)
    except (ValueError, RecursionError) as error:
        raise FormatError(f"its header is not JSON ({error})") from error
    if not isinstance(header, dict):
        raise FormatError("its header is not a JSON object")
    header.pop("__metadata__", None)
    return header


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise FormatError("its header has a name twice")
    return found


def _offsets(name: str, entry: Any) -> tuple[int, int]:
    match entry:
        case {"data_offsets": [int(begin), int(end)]} if 0 <= begin <= end:
            return begin, end
    raise FormatError(f"tensor {name!r} has no valid data_offsets")


def _kind_and_shape(name: str, entry: dict[str, Any]) -> tuple[str, tuple[int, ...]]:
    kind, shape = entry.get("dtype"), entry.get("shape")
    if not isinstance(kind, str) or kind not in KINDS:
        raise FormatError(f"tensor {name!r} has dtype {kind!r}, expected one of {sorted(KINDS)}")
    if (
        not isinstance(shape, list)
        or len(shape) > _MOST_DIMENSIONS
        or not all(type(size) is int and 0 <= size < 2**40 for size in shape)
    ):
        raise FormatError(f"tensor {name!r} has no valid shape")
    return kind, tuple(shape)
