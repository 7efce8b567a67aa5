"""The pickles inside PyTorch files: descriptions of tensors; runs no code of theirs.

The numbers lie elsewhere in the file; the caller looks them up.

Source: torch/serialization.py and torch/_utils.py of PyTorch 2.13 (names and argument orders).
"""

from __future__ import annotations

import math
import sys
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from trainables.process.restricted_pickle import Function, RefusedError, RestrictedUnpickler


class FormatError(RefusedError):
    """A file is not what it claims to be; `read_state_dict` completes the sentence."""


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


_STORAGE_KINDS = {
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "BFloat16Storage": "BF16",
    "LongStorage": "I64",
    "IntStorage": "I32",
    "ShortStorage": "I16",
    "CharStorage": "I8",
    "ByteStorage": "U8",
    "BoolStorage": "BOOL",
}
_MOST_DIMENSIONS = 32
_MOST_ELEMENTS = 2**40


class Storage(NamedTuple):
    """A run of numbers in the file. Immutable to a pickle, as named tuples are.

    Attributes:
        key: Its name in the file.
        kind: One of `KINDS`.
        elements: How many numbers.
    """

    key: str
    kind: str
    elements: int


class Tensor(NamedTuple):
    """A strided view of a storage; offset and strides count elements."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def view(self, numbers: np.ndarray) -> np.ndarray:
        """This view of its storage's `numbers`: read-only, and not copied."""
        if 0 in self.shape:
            return numbers[:0].reshape(self.shape)
        return np.lib.stride_tricks.as_strided(
            numbers[self.offset :],
            self.shape,
            [stride * numbers.itemsize for stride in self.strides],
            writeable=False,
        )


class _StateDict(dict[Any, Any]):
    """Stands for `collections.OrderedDict`, to which PyTorch attaches `_metadata`."""

    __slots__ = ()

    def __setstate__(self, state: object) -> None:
        """Ignores the attributes that the pickle sets: tensors do not need them."""


def _rebuild_tensor(
    storage: object, offset: object, shape: object, strides: object, *_unused: object
) -> Tensor:
    """`torch._utils._rebuild_tensor_v2`, without its gradient, hooks and metadata."""
    if not isinstance(storage, Storage):
        raise FormatError(f"a tensor in it lies in a {type(storage).__name__}, not a storage")
    sizes, steps = _naturals(shape, "shape"), _naturals(strides, "strides")
    (start,) = _naturals((offset,), "offset")
    if len(sizes) != len(steps) or len(sizes) > _MOST_DIMENSIONS:
        raise FormatError(f"a tensor in it has shape {sizes} and strides {steps}")
    # PyTorch leaves any stride on axes of length one; it is never used and may be enormous.
    steps = tuple(step if size > 1 else 0 for size, step in zip(sizes, steps, strict=True))
    last = start + sum((size - 1) * step for size, step in zip(sizes, steps, strict=True))
    if math.prod(sizes) > _MOST_ELEMENTS or (0 not in sizes and last >= storage.elements):
        raise FormatError(
            f"a tensor in it (offset {start}, shape {sizes}, strides {steps}) "
            f"reaches beyond its storage of {storage.elements} elements"
        )
    return Tensor(storage, start, sizes, steps)


def _rebuild_parameter(data: object, *_unused: object) -> Tensor:
    """`torch._utils._rebuild_parameter`, without its gradient and hooks."""
    if not isinstance(data, Tensor):
        raise FormatError(f"a parameter in it wraps a {type(data).__name__}, not a tensor")
    return data


class _Unpickler(RestrictedUnpickler):
    """Unpickles state dicts; `storages` has those that were mentioned, by key."""

    content = "tensors"
    admitted = {
        ("collections", "OrderedDict"): _StateDict,
        ("torch._utils", "_rebuild_tensor_v2"): Function(_rebuild_tensor),
        ("torch._utils", "_rebuild_parameter"): Function(_rebuild_parameter),
        # A storage class is only ever handed on to `persistent_load`: its name will do.
        **{("torch", name): name for name in _STORAGE_KINDS},
    }

    def __init__(self, file: BinaryIO) -> None:
        # As torch.load does it: files written by Python 2 hold their keys as byte strings.
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, Storage] = {}

    def persistent_load(self, pid: Any, /) -> Storage:
        match pid:
            case ("storage", str(name), str(key), _, int(elements)) | (
                "storage",
                str(name),
                str(key),
                _,
                int(elements),
                None,
            ) if name in _STORAGE_KINDS and elements >= 0:
                storage = Storage(key, _STORAGE_KINDS[name], elements)
            case _:
                raise FormatError("it refers to its numbers in an unknown way")
        if self.storages.setdefault(key, storage) != storage:
            raise FormatError(f"it describes its storage {key!r} in two ways")
        return storage


def load(file: BinaryIO) -> tuple[object, dict[str, Storage]]:
    """Reads one pickle and leaves `file` behind it.

    Args:
        file: Seekable, at the first byte of the pickle.

    Returns:
        What was pickled, with a `Tensor` for each tensor, and the storages by key.

    Raises:
        RefusedError: The pickle is damaged or asks for something that is not admitted.
    """
    unpickler = _Unpickler(file)
    return unpickler.read(), unpickler.storages


def _naturals(numbers: object, what: str) -> tuple[int, ...]:
    """Checks that `numbers` is a tuple or list of integers that are not negative."""
    if isinstance(numbers, tuple | list) and all(isinstance(n, int) and n >= 0 for n in numbers):
        return tuple(int(n) for n in numbers)
    raise FormatError(f"a tensor in it has no valid {what}")
